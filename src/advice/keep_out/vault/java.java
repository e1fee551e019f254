import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * {{ variable }} from HashiCorp Vault or OpenBao (KV version 2).
 *
 * <p>It is the field {{ field }} of {{ path }} in the mount "secret". Where Vault is, and the
 * token: VAULT_ADDR, VAULT_NAMESPACE, VAULT_TOKEN, VAULT_TOKEN_FILE. A certificate authority of
 * your own: java -Djavax.net.ssl.trustStore=its store.
 */
public final class {{ class }} {
  private static final String NAME = "{{ variable }}";
  private static final String SECRET = "secret/data/{{ path }}";
  private static final String FIELD = "{{ field }}";
  private static final Duration TIMEOUT = Duration.ofSeconds(10);

  private {{ class }}() {}

  /** The key, asked for anew at each call. No error holds the key. */
  public static String {{ camel }}() throws IOException, InterruptedException {
    Map<String, String> environment = System.getenv();
    String address = environment.getOrDefault("VAULT_ADDR", "");
    String token = environment.getOrDefault("VAULT_TOKEN", "");
    String home = environment.getOrDefault("HOME", System.getProperty("user.home"));
    Path file = Path.of(environment.getOrDefault("VAULT_TOKEN_FILE", home + "/.vault-token"));
    if (token.isEmpty() && Files.isReadable(file)) {
      token = Files.readString(file).strip();
    }
    if (address.isEmpty() || token.isEmpty()) {
      throw new IOException(NAME + ": VAULT_ADDR or VAULT_TOKEN is not set");
    }
    HttpResponse<String> response;
    Object answer;
    try {
      URI uri = URI.create(address.replaceFirst("/+$", "") + "/v1/" + SECRET);
      HttpRequest.Builder request = HttpRequest.newBuilder(uri).timeout(TIMEOUT);
      request.header("X-Vault-Token", token).header("X-Vault-Request", "true");
      if (environment.containsKey("VAULT_NAMESPACE")) {
        request.header("X-Vault-Namespace", environment.get("VAULT_NAMESPACE"));
      }
      HttpClient client = HttpClient.newBuilder().connectTimeout(TIMEOUT).build();
      response = client.send(request.build(), BodyHandlers.ofString());
      answer = new Gson().fromJson(response.body(), Object.class);
    } catch (IOException | IllegalArgumentException | JsonParseException error) {
      throw new IOException(NAME + ": no answer of Vault at " + address + ": " + error, error);
    }
    switch (response.statusCode()) {
      case 200 -> {}
      case 403 -> throw new IOException(NAME + ": " + SECRET + " in Vault: access denied");
      case 404 -> throw new IOException(NAME + ": " + SECRET + " in Vault: not found");
      default -> throw new IOException(NAME + ": Vault: status " + response.statusCode());
    }
    for (String step : List.of("data", "data", FIELD)) {
      answer = answer instanceof Map<?, ?> fields ? fields.get(step) : null;
    }
    if (answer instanceof String key && !key.isEmpty()) {
      return key;
    }
    throw new IOException(NAME + ": " + SECRET + " in Vault has no text in the field " + FIELD);
  }

  public static void main(String[] args) throws InterruptedException {
    try {
      System.err.println(NAME + ": " + {{ camel }}().length() + " characters");
    } catch (IOException error) {
      System.err.println(error.getMessage());
      System.exit(1);
    }
  }
}
