import java.math.BigInteger;
import java.security.MessageDigest;

/** Calls a function of a snippet (class, function) and prints the SHA-256 of what it gives. */
public final class Digest {
  public static void main(String[] args) throws Exception {
    String key = (String) Class.forName(args[0]).getMethod(args[1]).invoke(null);
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(key.getBytes("UTF-8"));
    System.out.println(String.format("%064x", new BigInteger(1, digest)));
  }
}
