import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;

/**
 * Compiles one folder after another in one JVM, each for itself, as their classes have the same names.
 * The first is what the others are compiled with; warnings are errors.
 */
public final class Compile {
  public static void main(String[] args) {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    for (String folder : args) {
      List<String> options = new ArrayList<>(List.of("--release", "17", "-Xlint:all,-serial", "-Werror", "-proc:none"));
      options.addAll(List.of("-cp", args[0] + File.pathSeparator + "/usr/share/java/gson.jar"));
      options.addAll(List.of("-d", folder));
      try (var files = java.nio.file.Files.walk(Path.of(folder))) {
        files.map(Path::toString).filter(name -> name.endsWith(".java")).forEach(options::add);
      } catch (java.io.IOException error) {
        throw new java.io.UncheckedIOException(error);
      }
      if (compiler.run(null, null, null, options.toArray(String[]::new)) != 0) {
        System.exit(1);
      }
    }
  }
}
