import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * {{ variable }} from the environment.
 *
 * <p>The file that {{ variable }}_FILE names goes first: Docker, Compose and Kubernetes mount
 * a secret as a file, and a file is not handed on to child processes.
 */
public final class {{ class }} {
  private static final String NAME = "{{ variable }}";

  /** Says why the key could not be had, and never holds the key. */
  public static final class MissingKeyException extends RuntimeException {
    MissingKeyException(String reason, Throwable cause) {
      super(NAME + ": " + reason, cause);
    }
  }

  private {{ class }}() {}

  /** The key, without the line break that files end with. */
  public static String {{ camel }}() {
    String file = System.getenv(NAME + "_FILE");
    String key = System.getenv(NAME);
    String source = "the variable";
    if (file != null && !file.isEmpty()) {
      source = "the file " + file;
      try {
        key = Files.readString(Path.of(file)).replaceFirst("[\r\n]+$", "");
      } catch (IOException error) {
        throw new MissingKeyException("cannot read " + file + ": " + error, error);
      }
    } else if (key == null) {
      throw new MissingKeyException("neither " + NAME + " nor " + NAME + "_FILE is set", null);
    }
    if (key.isEmpty()) {
      throw new MissingKeyException(source + " is empty", null);
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
