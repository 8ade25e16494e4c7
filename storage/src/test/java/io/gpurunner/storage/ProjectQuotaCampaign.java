package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.storage.VolumeSettings.Enforcement;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/**
 * Volumes on a file system with project quota. Few machines have a kernel that supports it, so
 * {@code make test-quota} runs this on a virtual machine that does.
 */
class ProjectQuotaCampaign extends JobVolumesContract {
  @Override
  Enforcement enforcement() {
    return Enforcement.PROJECT_QUOTA;
  }

  @Test
  void isWhatAutoTakesHere() {
    assertThat(ProjectQuota.obstacle(state)).isEmpty();
  }

  @Test
  void stopsAWriteFarPastTheLimit() throws Exception {
    JobPaths paths = prepare(JOB);
    assertThatThrownBy(() -> asInAContainer(paths.model(), "dd if=/dev/zero of=f bs=1M count=100"))
        .hasMessageContaining("quota exceeded");
    assertThat(volumes.overrun(JOB, LIMIT, LIMIT)).isPresent();
  }

  @Test
  void bindsTheNumberOfFiles() throws Exception {
    JobPaths paths = prepare(JOB);
    long tooMany = VolumeLimit.MIN_FILES * 5 / 4;
    assertThatThrownBy(() -> asInAContainer(paths.model(), "seq 1 " + tooMany + " | xargs touch"))
        .hasMessageContaining("quota exceeded");
  }

  @Test
  void seesWhatAJobTookOutOfItsProject() throws Exception {
    JobPaths paths = prepare(JOB);
    asInAContainer(
        paths.model(), "chattr -p 0 . && chattr -P . && dd if=/dev/zero of=f bs=1M count=100");
    assertThat(volumes.overrun(JOB, LIMIT, LIMIT)).isPresent();
  }

  /** Runs a script without CAP_SYS_RESOURCE, which no job has: with it, root ignores quotas. */
  private static void asInAContainer(Path directory, String script) throws Exception {
    Process process =
        new ProcessBuilder(
                "setpriv",
                "--bounding-set=-sys_resource",
                "--inh-caps=-sys_resource",
                "sh",
                "-c",
                script)
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException(output);
    }
  }
}
