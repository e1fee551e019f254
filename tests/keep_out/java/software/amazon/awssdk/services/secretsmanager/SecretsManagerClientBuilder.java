package software.amazon.awssdk.services.secretsmanager;

import java.util.function.Consumer;
import software.amazon.awssdk.core.client.config.ClientOverrideConfiguration;

/** Stand-in: makes a client. */
public interface SecretsManagerClientBuilder {
  SecretsManagerClientBuilder overrideConfiguration(
      Consumer<ClientOverrideConfiguration.Builder> overrideConfiguration);

  SecretsManagerClient build();
}
