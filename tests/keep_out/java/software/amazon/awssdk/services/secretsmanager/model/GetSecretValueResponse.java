package software.amazon.awssdk.services.secretsmanager.model;

/** Stand-in: a secret's text, or null. */
public final class GetSecretValueResponse {
  private final String text;

  public GetSecretValueResponse(String text) {
    this.text = text;
  }

  public String secretString() {
    return text;
  }
}
