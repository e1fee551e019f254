package software.amazon.awssdk.services.secretsmanager.model;

/** Stand-in: there is no such secret. */
public final class ResourceNotFoundException extends SecretsManagerException {
  public ResourceNotFoundException(String message) {
    super("ResourceNotFoundException", message);
  }
}
