package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.gpurunner.storage.VolumeSettings.Enforcement;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Programs that hide what they write from a look at their volume. They see the volume as a job in a
 * container does: through a mount in a mount namespace of their own. Needs root.
 */
class WatchedAttacksIT {
  private static final long MB = 1 << 20;
  private static final long LIMIT = JobVolumesContract.LIMIT;
  private static final JobFolder JOB = JobVolumesContract.JOB;

  @TempDir Path state;
  private final List<Process> programs = new ArrayList<>();
  private JobVolumes volumes = new DirectoryJobVolumes(Path.of("/nowhere"), 0, new Watching());
  private JobPaths paths = new JobPaths(Path.of("/"), Path.of("/"), Path.of("/"), Path.of("/"));

  @BeforeEach
  void open() throws Exception {
    volumes = Volumes.open(new VolumeSettings(state, Enforcement.WATCH));
    paths = volumes.prepare(JOB, LIMIT, LIMIT);
    Files.createDirectories(state.resolve("seen"));
  }

  @AfterEach
  void remove() {
    end();
    volumes.delete(JOB);
    volumes.close();
  }

  private void end() {
    programs.forEach(Process::destroyForcibly);
    programs.forEach(program -> program.onExit().join());
    programs.clear();
  }

  /** Runs a script in the job's model volume until it prints a line. It goes on running then. */
  private void attack(String script) throws IOException {
    Process program =
        new ProcessBuilder(
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "/bin/sh",
                "-ec",
                "mount --bind \"$1\" \"$2\"; cd \"$2\"; " + script + "; echo ready; read line",
                "sh",
                paths.model().toString(),
                state.resolve("seen").toString())
            .redirectErrorStream(true)
            .start();
    programs.add(program);
    BufferedReader output = program.inputReader();
    assertThat(output.readLine()).isEqualTo("ready");
  }

  private void assertIsOver(long bytes) {
    assertThat(volumes.overrun(JOB, LIMIT, LIMIT))
        .get(type(JobVolumes.Overrun.Bytes.class))
        .satisfies(
            over -> {
              assertThat(over.volume()).isEqualTo(Volume.MODEL);
              assertThat(over.usedBytes()).isBetween(bytes, bytes + 2 * MB);
            });
  }

  @Test
  void aFileThatGrowsAfterItWasDeletedCounts() throws Exception {
    attack("exec 9>f 8>&9; rm f; head -c 20971520 /dev/zero >&9");

    assertIsOver(20 * MB);
    assertThat(paths.model()).isEmptyDirectory();
  }

  @Test
  void itNoLongerCountsOnceItsProcessHasEnded() throws Exception {
    attack("exec 9>f; rm f; head -c 20971520 /dev/zero >&9");
    assertIsOver(20 * MB);

    end();

    assertThat(volumes.overrun(JOB, LIMIT, LIMIT)).isEmpty();
  }

  @Test
  void aDeletedFileThatIsOnlyMappedCounts() throws Exception {
    attack(
        "cp \"$(command -v sleep)\" s; head -c 20971520 /dev/zero >> s; ./s 600 &"
            + " until readlink /proc/$!/exe | grep -q '/s$'; do :; done; rm s");

    assertIsOver(20 * MB);
  }

  @Test
  void whatIsOpenInTheTreeAndWhatIsDeletedElsewhereDoesNotCount() throws Exception {
    attack(
        "exec 9>f; head -c 3145728 /dev/zero >&9; exec 8>../elsewhere; rm ../elsewhere;"
            + " head -c 20971520 /dev/zero >&8");

    assertThat(volumes.overrun(JOB, LIMIT, LIMIT)).isEmpty();
  }

  /**
   * An agent that is not allowed to read everything must not take what it cannot read for empty.
   */
  @Test
  void aTreeThatCannotBeReadIsNotTakenForEmpty() throws Exception {
    attack("mkdir d; head -c 20971520 /dev/zero > d/f; chmod 000 d");

    String answer = without("dac_override,-dac_read_search", "watch");

    assertThat(answer).contains("Hidden[volume=MODEL", "cannot be read");
  }

  @Test
  void autoWatchesWhereNothingCanBeMountedAndSaysWhy() throws Exception {
    assertThat(without("sys_admin", "auto"))
        .contains("Optional[the file system has no project quota, and no image can be mounted");
    assertThat(state.resolve("jobs/enforcement-trial")).doesNotExist();
  }

  /** Uses the volumes in a process that lacks capabilities, and returns its output. */
  private String without(String capabilities, String action) throws Exception {
    return HostileTree.run(
        state,
        List.of(
            "setpriv",
            "--bounding-set",
            "-" + capabilities,
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            VolumesElsewhere.class.getName(),
            state.resolve("jobs").toString(),
            "/proc/1",
            action));
  }
}
