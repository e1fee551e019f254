package software.amazon.awssdk.services.secretsmanager;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.HexFormat;
import java.util.TreeMap;
import java.util.function.Consumer;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.services.secretsmanager.model.GetSecretValueRequest;
import software.amazon.awssdk.services.secretsmanager.model.GetSecretValueResponse;
import software.amazon.awssdk.services.secretsmanager.model.ResourceNotFoundException;
import software.amazon.awssdk.services.secretsmanager.model.SecretsManagerException;

/** Asks Secrets Manager with Signature Version 4, by the variables that the SDK reads. */
final class SignedCalls implements SecretsManagerClient {
  private final Duration timeout;

  SignedCalls(Duration timeout) {
    this.timeout = timeout;
  }

  @Override
  public void close() {}

  @Override
  public GetSecretValueResponse getSecretValue(Consumer<GetSecretValueRequest.Builder> asked) {
    JsonObject body = new JsonObject();
    asked.accept(
        new GetSecretValueRequest.Builder() {
          @Override
          public GetSecretValueRequest.Builder secretId(String secretId) {
            body.addProperty("SecretId", secretId);
            return this;
          }
        });
    HttpResponse<String> response;
    try {
      HttpClient client = HttpClient.newBuilder().connectTimeout(timeout).build();
      response = client.send(signed(body.toString()), BodyHandlers.ofString());
    } catch (IOException | InterruptedException | GeneralSecurityException error) {
      throw SdkClientException.create("Unable to execute HTTP request: " + error, error);
    }
    JsonObject answer = JsonParser.parseString(response.body()).getAsJsonObject();
    if (response.statusCode() != 200) {
      String code = answer.get("__type").getAsString();
      String message = answer.get("message").getAsString();
      throw code.equals("ResourceNotFoundException")
          ? new ResourceNotFoundException(message)
          : new SecretsManagerException(code, message);
    }
    var text = answer.get("SecretString");
    return new GetSecretValueResponse(text == null ? null : text.getAsString());
  }

  private HttpRequest signed(String body) throws GeneralSecurityException {
    String credentials = "Unable to load credentials from any of the providers in the chain";
    byte[] key = ("AWS4" + setting("AWS_SECRET_ACCESS_KEY", credentials)).getBytes(UTF_8);
    String region = setting("AWS_REGION", "Unable to load region from any of the providers in the chain");
    URI endpoint = URI.create(setting("AWS_ENDPOINT_URL", "No endpoint"));
    String time =
        ZonedDateTime.now(ZoneOffset.UTC).format(DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'"));
    String scope = time.substring(0, 8) + "/" + region + "/secretsmanager/aws4_request";
    var headers = new TreeMap<String, String>();
    headers.put("content-type", "application/x-amz-json-1.1");
    headers.put("host", endpoint.getAuthority());
    headers.put("x-amz-date", time);
    headers.put("x-amz-target", "secretsmanager.GetSecretValue");
    String session = System.getenv("AWS_SESSION_TOKEN");
    if (session != null) {
      headers.put("x-amz-security-token", session);
    }
    StringBuilder canonical = new StringBuilder("POST\n/\n\n");
    headers.forEach((name, value) -> canonical.append(name).append(':').append(value).append('\n'));
    String names = String.join(";", headers.keySet());
    canonical.append('\n').append(names).append('\n').append(hash(body));
    String toSign = "AWS4-HMAC-SHA256\n" + time + "\n" + scope + "\n" + hash(canonical.toString());
    for (String part : (scope + "/" + toSign).split("/", 5)) {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(key, "HmacSHA256"));
      key = mac.doFinal(part.getBytes(UTF_8));
    }
    String signature = HexFormat.of().formatHex(key);
    String credential = setting("AWS_ACCESS_KEY_ID", credentials) + "/" + scope;
    var request = HttpRequest.newBuilder(endpoint).timeout(timeout).POST(BodyPublishers.ofString(body));
    headers.remove("host");
    headers.forEach(request::header);
    return request
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential="
                + credential
                + ", SignedHeaders="
                + names
                + ", Signature="
                + signature)
        .build();
  }

  private static String setting(String name, String problem) {
    String value = System.getenv(name);
    if (value == null) {
      throw SdkClientException.create(problem, null);
    }
    return value;
  }

  private static String hash(String text) throws GeneralSecurityException {
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(UTF_8));
    return HexFormat.of().formatHex(digest);
  }
}
