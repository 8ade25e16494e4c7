package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests with the words of real engines. */
final class StartRefusalTest {
  private static final JobRequest REQUEST =
      Requests.simple().pretrainedModelAt("/pretrained").build();

  private static final String DOCKER_20 =
      "starting the container x: failed to create shim task: OCI runtime create failed: runc create"
          + " failed: unable to start container process: error during container init: error mounting"
          + " \"/var/lib/gpurunner/jobs/1/c\" to rootfs at \"%1$s\": mount"
          + " /var/lib/gpurunner/jobs/1/c:%1$s (via /proc/self/fd/6), flags: 0x5000: not a directory:"
          + " unknown: Are you trying to mount a directory onto a file (or vice-versa)? Check if the"
          + " specified host path exists and is the expected type";

  private static final String BELOW_A_FILE =
      "starting the container x: OCI runtime create failed: error mounting \"/tmp\" to rootfs at"
          + " \"%1$s\": open o_path procfd: open /var/lib/docker/overlay2/9/merged%1$s: not a"
          + " directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)?";

  @ParameterizedTest
  @CsvSource({
    "ckptPath, /data",
    "modelPath, /data2",
    "datasetPath, /dataset",
    "pretrainedModelPath, /pretrained"
  })
  void theFieldItsPathAndTheImageAreNamed(String field, String path) {
    for (String words : new String[] {DOCKER_20, BELOW_A_FILE}) {
      assertThat(StartRefusal.explain(REQUEST, String.format(words, path)))
          .contains(
              field
                  + " "
                  + path
                  + " is a file in the image "
                  + REQUEST.image()
                  + ", or lies below a file; choose another path");
    }
  }

  @Test
  void otherRefusalsKeepTheEnginesWords() {
    assertThat(StartRefusal.explain(REQUEST, String.format(DOCKER_20, "/etc/mpi/hosts"))).isEmpty();
    assertThat(StartRefusal.explain(REQUEST, String.format(DOCKER_20, "/data/below"))).isEmpty();
    assertThat(
            StartRefusal.explain(
                REQUEST, "error mounting \"/c\" to rootfs at \"/data\": permission denied"))
        .isEmpty();
    assertThat(StartRefusal.explain(REQUEST, "could not select device driver")).isEmpty();
  }
}
