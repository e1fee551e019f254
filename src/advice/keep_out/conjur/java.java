import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;

/**
 * {{ variable }} from CyberArk Conjur, where it is the variable {{ id }}.
 *
 * <p>Where Conjur is, and who asks: CONJUR_APPLIANCE_URL, CONJUR_ACCOUNT, CONJUR_AUTHN_LOGIN,
 * CONJUR_AUTHN_API_KEY. A certificate of its own: java -Djavax.net.ssl.trustStore=its store.
 */
public final class {{ class }} {
  private static final String NAME = "{{ variable }}";
  private static final String VARIABLE = "{{ id }}";
  private static final Duration TIMEOUT = Duration.ofSeconds(10);

  private {{ class }}() {}

  /** The key, asked for anew at each call. No error holds the key. */
  public static String {{ camel }}() throws IOException, InterruptedException {
    String account = encoded(setting("CONJUR_ACCOUNT"));
    String login = encoded(setting("CONJUR_AUTHN_LOGIN"));
    var apiKey = BodyPublishers.ofString(setting("CONJUR_AUTHN_API_KEY"));
    var authenticate = request("authn/" + account + "/" + login + "/authenticate");
    String token = ask(authenticate.header("Accept-Encoding", "base64").POST(apiKey));
    var secret = request("secrets/" + account + "/variable/" + encoded(VARIABLE));
    String key = ask(secret.header("Authorization", "Token token=\"" + token + "\""));
    if (key.isEmpty()) {
      throw new IOException(NAME + ": Conjur variable " + VARIABLE + " is empty");
    }
    return key;
  }

  private static String setting(String name) throws IOException {
    String value = System.getenv(name);
    if (value == null || value.isEmpty()) {
      throw new IOException(NAME + ": " + name + " is not set");
    }
    return value;
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, UTF_8).replace("+", "%20");
  }

  private static HttpRequest.Builder request(String path) throws IOException {
    String url = setting("CONJUR_APPLIANCE_URL").replaceFirst("/+$", "");
    return HttpRequest.newBuilder(URI.create(url + "/" + path)).timeout(TIMEOUT);
  }

  private static String ask(HttpRequest.Builder request) throws IOException, InterruptedException {
    HttpResponse<String> response;
    try {
      HttpClient client = HttpClient.newBuilder().connectTimeout(TIMEOUT).build();
      response = client.send(request.build(), BodyHandlers.ofString());
    } catch (IOException error) {
      throw new IOException(NAME + ": no answer of Conjur: " + error, error);
    }
    String problem = NAME + ": Conjur variable " + VARIABLE + ": ";
    return switch (response.statusCode()) {
      case 200 -> response.body();
      case 401 -> throw new IOException(problem + "login refused");
      case 403 -> throw new IOException(problem + "access denied");
      case 404 -> throw new IOException(problem + "not found, or without a value");
      default -> throw new IOException(problem + "status " + response.statusCode());
    };
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
