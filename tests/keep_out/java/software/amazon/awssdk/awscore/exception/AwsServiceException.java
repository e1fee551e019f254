package software.amazon.awssdk.awscore.exception;

import software.amazon.awssdk.core.exception.SdkException;

/** Stand-in: a service's refusal. */
public class AwsServiceException extends SdkException {
  private final transient AwsErrorDetails details;

  protected AwsServiceException(String code, String message) {
    super(message, null);
    details = new AwsErrorDetails(code);
  }

  public AwsErrorDetails awsErrorDetails() {
    return details;
  }
}
