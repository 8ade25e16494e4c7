package io.gpurunner.agent.run;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.FakeContainerOutput;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.api.JobId;
import java.time.Instant;
import org.junit.jupiter.api.Test;

final class ExitReasonsTest {
  private static final String NOT_FOUND =
      "the container ended with exit code 127 (command not found)";

  private final FakeContainerOutput output = new FakeContainerOutput();
  private final ContainerName name = new ContainerName(JobId.random(), 1);

  private String reason(int exitCode, String engineError) {
    return new ExitReasons(output)
        .of(
            unrecorded(name),
            new Observation.Exited(
                "id", "run", exitCode, false, Instant.EPOCH, Instant.EPOCH, engineError));
  }

  private static String tini(String program) {
    return "[FATAL tini (7)] exec " + program + " failed: No such file or directory\n";
  }

  @Test
  void theFileOfTheCommandIsLookedAt() {
    output.print(name, tini("/opt/train"));
    assertThat(reason(127, "")).startsWith(NOT_FOUND + ": there is no file \"/opt/train\"");
    output.place(name, "/opt/train", "#!/nope\n");
    assertThat(reason(127, ""))
        .contains("the script \"/opt/train\" names the interpreter \"/nope\"");
  }

  @Test
  void withoutTheOutputTheExitCodeIsTheReason() {
    assertThat(reason(127, "")).isEqualTo(NOT_FOUND);
    output.print(name, tini("/opt/train"));
    output.failNext(Kind.UNREACHABLE);
    assertThat(reason(127, "")).isEqualTo(NOT_FOUND);
  }

  @Test
  void otherEndsNeedNoOutput() {
    output.failAlways(Kind.FAILED);
    assertThat(reason(3, "")).isEqualTo("the container ended with exit code 3");
    assertThat(reason(127, "no such device")).isEqualTo(NOT_FOUND + ": no such device");
  }

  @Test
  void onlyTheEndOfALongLineIsKept() {
    output.print(name, "a".repeat(100) + "b".repeat(ExitReasons.TAIL_CHARACTERS - 1) + "\n");
    assertThat(reason(127, ""))
        .isEqualTo(NOT_FOUND + "; its output says: " + "b".repeat(200) + "…");
  }
}
