package software.amazon.awssdk.services.secretsmanager;

import java.time.Duration;
import java.util.function.Consumer;
import software.amazon.awssdk.core.client.config.ClientOverrideConfiguration;
import software.amazon.awssdk.services.secretsmanager.model.GetSecretValueRequest;
import software.amazon.awssdk.services.secretsmanager.model.GetSecretValueResponse;

/**
 * Stand-in for the AWS SDK for Java 2, which only Maven's repositories have: the classes and signatures
 * that the snippet uses, as the SDK documents them. The request itself is a real one, signed.
 */
public interface SecretsManagerClient extends AutoCloseable {
  GetSecretValueResponse getSecretValue(Consumer<GetSecretValueRequest.Builder> getSecretValueRequest);

  @Override
  void close();

  static SecretsManagerClientBuilder builder() {
    return new SecretsManagerClientBuilder() {
      private Duration timeout = Duration.ofMinutes(2);

      @Override
      public SecretsManagerClientBuilder overrideConfiguration(
          Consumer<ClientOverrideConfiguration.Builder> overrideConfiguration) {
        overrideConfiguration.accept(
            new ClientOverrideConfiguration.Builder() {
              @Override
              public ClientOverrideConfiguration.Builder apiCallTimeout(Duration apiCallTimeout) {
                timeout = apiCallTimeout;
                return this;
              }
            });
        return this;
      }

      @Override
      public SecretsManagerClient build() {
        return new SignedCalls(timeout);
      }
    };
  }
}
