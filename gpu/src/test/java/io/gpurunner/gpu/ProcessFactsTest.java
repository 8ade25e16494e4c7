package io.gpurunner.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProcessFactsTest {
  private final UserNames names = new UserNames();

  @AfterEach
  void closeNames() {
    names.close();
  }

  private static final String ID = "3f2a9c01d4e5" + "0123456789abcdef".repeat(3) + "0123";

  @TempDir private Path process;

  private ProcessFacts facts(String comm, String cgroup) throws IOException {
    Files.writeString(process.resolve("comm"), comm + "\n");
    Files.writeString(process.resolve("cgroup"), cgroup + "\n");
    Files.writeString(process.resolve("status"), "Name:\tx\nUid:\t4711\t0\t0\t0\n");
    return ProcessFacts.of(process, names).orElseThrow();
  }

  @Test
  void thisProcessIsKnown() {
    int self = (int) ProcessHandle.current().pid();
    ProcessFacts facts = ProcessFacts.of(self, names).orElseThrow();
    assertThat(facts.command()).isNotBlank();
    assertThat(facts.user()).as("a name service is not waited for").matches("\\d+");
    await()
        .untilAsserted(
            () ->
                assertThat(ProcessFacts.of(self, names).orElseThrow().user())
                    .isEqualTo(System.getProperty("user.name")));
  }

  @ParameterizedTest
  @CsvSource({"0::/system.slice/docker-%s.scope", "12:memory:/docker/%s", "0::/../%s"})
  void theContainerIsFoundWithEachCgroupDriver(String cgroup) throws IOException {
    ProcessFacts facts = facts("python3", cgroup.formatted(ID));
    assertThat(facts.container()).contains("3f2a9c01d4e5");
    assertThat(facts.words()).endsWith(" in container 3f2a9c01d4e5").startsWith("python3 of ");
  }

  @Test
  void outsideOfAContainerThereIsNone() throws IOException {
    assertThat(facts("Xorg", "0::/user.slice/user-1000.slice").container()).isEmpty();
  }

  /** A process names itself. */
  @Test
  void aNameCannotBreakALine() throws IOException {
    assertThat(facts("a\u001b[2Jb", "0::/").command()).isEqualTo("a?[2Jb");
  }

  @Test
  void aProcessThatHasEndedIsNotKnown() {
    assertThat(ProcessFacts.of(process.resolve("gone"), names)).isEqualTo(Optional.empty());
  }

  /** The directory of a process that hides its memory belongs to root. */
  @Test
  void theUserIsTheRealOne() throws IOException {
    assertThat(facts("x", "0::/").user()).isEqualTo("4711");
  }
}
