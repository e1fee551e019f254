package software.amazon.awssdk.awscore.exception;

/** Stand-in: what the service says of an error. */
public final class AwsErrorDetails {
  private final String code;

  public AwsErrorDetails(String code) {
    this.code = code;
  }

  public String errorCode() {
    return code;
  }
}
