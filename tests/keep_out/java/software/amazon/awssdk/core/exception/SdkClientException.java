package software.amazon.awssdk.core.exception;

/** Stand-in: nothing was asked, or nothing answered. */
public final class SdkClientException extends SdkException {
  private SdkClientException(String message, Throwable cause) {
    super(message, cause);
  }

  public static SdkClientException create(String message, Throwable cause) {
    return new SdkClientException(message, cause);
  }
}
