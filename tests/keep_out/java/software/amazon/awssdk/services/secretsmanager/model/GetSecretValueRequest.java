package software.amazon.awssdk.services.secretsmanager.model;

/** Stand-in: which secret is asked for. */
public final class GetSecretValueRequest {
  private GetSecretValueRequest() {}

  public interface Builder {
    Builder secretId(String secretId);
  }
}
