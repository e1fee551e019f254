package software.amazon.awssdk.core.exception;

/** Stand-in: what an SDK's call can fail with. */
public class SdkException extends RuntimeException {
  protected SdkException(String message, Throwable cause) {
    super(message, cause);
  }
}
