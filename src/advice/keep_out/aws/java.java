import java.time.Duration;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.secretsmanager.SecretsManagerClient;
import software.amazon.awssdk.services.secretsmanager.model.ResourceNotFoundException;
import software.amazon.awssdk.services.secretsmanager.model.SecretsManagerException;

/**
 * {{ variable }} from AWS Secrets Manager, where it is the secret {{ id }}.
 *
 * <p>Region and credentials are the SDK's own: AWS_REGION, AWS_PROFILE, the role of the machine.
 */
public final class {{ class }} {
  private static final String NAME = "{{ variable }}";
  private static final String SECRET = "{{ id }}";

  /** Says why the key could not be had, and never holds the key. */
  public static final class MissingKeyException extends RuntimeException {
    MissingKeyException(String reason, Throwable cause) {
      super(NAME + ": AWS secret " + SECRET + ": " + reason, cause);
    }
  }

  private {{ class }}() {}

  /** The key, asked for anew at each call. */
  public static String {{ camel }}() {
    String key;
    try (SecretsManagerClient client =
        SecretsManagerClient.builder()
            .overrideConfiguration(settings -> settings.apiCallTimeout(Duration.ofSeconds(10)))
            .build()) {
      key = client.getSecretValue(request -> request.secretId(SECRET)).secretString();
    } catch (ResourceNotFoundException error) {
      throw new MissingKeyException("not found", error);
    } catch (SecretsManagerException error) {
      String code = error.awsErrorDetails().errorCode();
      throw new MissingKeyException(
          code.equals("AccessDeniedException") ? "access denied" : code, error);
    } catch (SdkException error) {
      throw new MissingKeyException(error.getMessage(), error);
    }
    if (key == null || key.isEmpty()) {
      throw new MissingKeyException("it holds no text", null);
    }
    return key;
  }

  public static void main(String[] args) {
    try {
      System.err.println(NAME + ": " + {{ camel }}().length() + " characters");
    } catch (MissingKeyException error) {
      System.err.println(error.getMessage());
      System.exit(1);
    }
  }
}
