package software.amazon.awssdk.core.client.config;

import java.time.Duration;

/** Stand-in: settings of a client that are the same for all services. */
public final class ClientOverrideConfiguration {
  private ClientOverrideConfiguration() {}

  public interface Builder {
    Builder apiCallTimeout(Duration apiCallTimeout);
  }
}
