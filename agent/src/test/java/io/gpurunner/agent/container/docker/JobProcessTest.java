package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.ContainerSpec.GpuAttachment;
import io.gpurunner.agent.container.HookVariables;
import io.gpurunner.api.ImageReference;
import io.gpurunner.api.JobId;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests which variables reach the container's configuration, and which only the job's program. */
final class JobProcessTest {
  private static final GpuAttachment GPU = new GpuAttachment.Devices(List.of("GPU-1"));

  private static JobProcess process(
      GpuAttachment gpus, List<String> command, Map<String, String> env, ImageProcess image) {
    ContainerSpec spec =
        new ContainerSpec(
            new ContainerName(JobId.random(), 1),
            ImageReference.of("train"),
            command,
            env,
            List.of(),
            gpus,
            1);
    return JobProcess.of(spec, env, image);
  }

  private static ImageProcess image(String... environment) {
    return new ImageProcess(List.of(environment), List.of("/entry"), List.of("run", "--all"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "LD_PRELOAD",
        "LD_AUDIT",
        "LD_LIBRARY_PATH",
        "LD_OF_THE_FUTURE",
        "GLIBC_TUNABLES",
        "GCONV_PATH",
        "BASH_ENV",
        "BASH_FUNC_env%%",
        "GODEBUG"
      })
  void neitherAJobNorItsImageSetsItForAHook(String name) {
    JobProcess job =
        process(GPU, List.of("python", "train.py"), Map.of(name, "/proc/self/cwd/a.so"), image());
    JobProcess image =
        process(
            GPU,
            List.of("python", "train.py"),
            Map.of(),
            image(name + "=/proc/self/cwd/a.so", "PATH=/bin"));
    for (JobProcess process : List.of(job, image)) {
      assertThat(process.environment()).noneMatch(each -> each.startsWith(name + "="));
      assertThat(process.command())
          .containsExactly("env", name + "=/proc/self/cwd/a.so", "python", "train.py");
    }
    // A name alone: the engine leaves out what the image sets.
    assertThat(image.environment()).contains(name);
  }

  /** The image may be replaced between the look at it and the creation. */
  @Test
  void allKnownNamesAreUnsetWhateverTheImageWas() {
    JobProcess process = process(GPU, List.of("train"), Map.of("A", "b"), ImageProcess.NOTHING);
    assertThat(process.command()).containsExactly("train");
    assertThat(process.environment()).contains("A=b").containsAll(HookVariables.names());
  }

  @Test
  void theJobsValueReplacesTheImages() {
    JobProcess process =
        process(
            GPU,
            List.of("train"),
            Map.of("LD_LIBRARY_PATH", "/mine"),
            image("LD_LIBRARY_PATH=/image", "LD_PRELOAD=/usr/lib/libjemalloc.so.2"));
    assertThat(process.command())
        .containsExactly(
            "env", "LD_LIBRARY_PATH=/mine", "LD_PRELOAD=/usr/lib/libjemalloc.so.2", "train");
  }

  @Test
  void theImagesOwnCommandGetsThemToo() {
    assertThat(process(GPU, List.of(), Map.of(), image("LD_LIBRARY_PATH=/cuda")).command())
        .containsExactly("env", "LD_LIBRARY_PATH=/cuda", "/entry", "run", "--all");
    assertThat(process(GPU, List.of(), Map.of(), image("PATH=/bin")).command()).isEmpty();
    ImageProcess empty = new ImageProcess(List.of("LD_LIBRARY_PATH=/a"), List.of(), List.of());
    assertThat(process(GPU, List.of(), Map.of(), empty).command()).isEmpty();
  }

  @Test
  void withoutGpusNoHookRunsAndAllStaysAsItWas() {
    JobProcess process =
        process(
            new GpuAttachment.None(),
            List.of("train"),
            Map.of("LD_PRELOAD", "/a.so"),
            image("LD_LIBRARY_PATH=/b"));
    assertThat(process.environment()).containsExactly("LD_PRELOAD=/a.so");
    assertThat(process.command()).containsExactly("train");
  }
}
