package io.gpurunner.agent.callback;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs the receivers' code of docs/callbacks.md with signatures of the agent. */
@Timeout(120)
final class CallbackPageTest {
  private static final UserKeys KEYS = new UserKeys("0123456789".repeat(7).getBytes(UTF_8));
  private static final long NOW = 1_700_000_000;
  private static final String BODY =
      CallbackBody.of("ai1", true, Optional.of(URI.create("http://x/ä?a=b")));

  @TempDir private Path directory;

  /** A callback as a receiver gets it, and whether it must be taken. */
  private record Received(String key, String signature, String body, long now, boolean genuine) {}

  private static List<Received> received() {
    String alice = KEYS.of("alice");
    String signature = KEYS.signature("alice").of(NOW, BODY);
    String bobs = KEYS.signature("bob").of(NOW, BODY);
    return List.of(
        new Received(alice, signature, BODY, NOW, true),
        new Received(alice, signature, BODY, NOW + 299, true),
        new Received(alice, signature, BODY, NOW + 301, false),
        new Received(alice, signature, BODY, NOW - 301, false),
        new Received(alice, signature, BODY.replace("success", "fail"), NOW, false),
        new Received(alice, bobs, BODY, NOW, false),
        new Received(alice, "", BODY, NOW, false),
        new Received(KEYS.of("bob"), signature, BODY, NOW, false));
  }

  private static String code(String language) throws IOException {
    Matcher block =
        Pattern.compile("```" + language + "\\n(.*?)```", Pattern.DOTALL)
            .matcher(Files.readString(Path.of("../docs/callbacks.md")));
    assertThat(block.find()).as("a block of " + language).isTrue();
    return block.group(1);
  }

  @Test
  void thePythonReceiverTakesTheGenuineOnes() throws Exception {
    Path program =
        Files.writeString(
            directory.resolve("receiver.py"),
            code("python")
                + """

                import sys
                key, signature, body, now = sys.argv[1:]
                print(is_genuine(key, "%d", signature, body.encode(), int(now)))
                """
                    .formatted(NOW));
    check(List.of("python3", program.toString()), "True", "False");
  }

  @Test
  void theJavaReceiverTakesTheGenuineOnes() throws Exception {
    String code = code("java");
    int end = code.indexOf("final class");
    Path program =
        Files.writeString(
            directory.resolve("Receiver.java"),
            code.substring(0, end)
                + """
                public class Receiver {
                  public static void main(String[] a) throws Exception {
                    byte[] body = a[2].getBytes(StandardCharsets.UTF_8);
                    Instant now = Instant.ofEpochSecond(Long.parseLong(a[3]));
                    System.out.println(Callbacks.isGenuine(a[0], "%d", a[1], body, now));
                  }
                }

                """
                    .formatted(NOW)
                + code.substring(end));
    Path java = Path.of(System.getProperty("java.home"), "bin");
    run(List.of(java.resolve("javac").toString(), program.toString()));
    check(
        List.of(java.resolve("java").toString(), "-cp", directory.toString(), "Receiver"),
        "true",
        "false");
  }

  private void check(List<String> program, String yes, String no) throws Exception {
    for (Received each : received()) {
      List<String> words = new ArrayList<>(program);
      words.addAll(List.of(each.key(), each.signature(), each.body(), Long.toString(each.now())));
      assertThat(run(words)).as(each.toString()).isEqualTo((each.genuine() ? yes : no) + "\n");
    }
  }

  private static String run(List<String> words) throws Exception {
    ProcessBuilder builder = new ProcessBuilder(words).redirectErrorStream(true);
    builder.environment().put("LC_ALL", "C.UTF-8");
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }
}
