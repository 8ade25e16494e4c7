package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.github.dockerjava.api.model.Mount;
import com.github.dockerjava.api.model.MountType;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.docker.ImageVolumeMounts.Declared;
import io.gpurunner.api.ImageReference;
import io.gpurunner.api.JobId;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;

class ImageVolumeMountsTest {
  private static final long LIMIT = 10_000_000;

  private static ContainerSpec spec() {
    return new ContainerSpec(
        new ContainerName(JobId.random(), 1),
        ImageReference.of("busybox"),
        List.of(),
        Map.of(),
        List.of(new ContainerSpec.Mount(Path.of("/jobs/1/model"), "/model", false)),
        new ContainerSpec.GpuAttachment.None(),
        1 << 26,
        Optional.of(new ContainerSpec.ImageVolumes(Path.of("/jobs/1/image-volumes"), LIMIT)));
  }

  @Test
  void readsWhatAnImageDeclares() throws JsonProcessingException {
    ObjectMapper json = new ObjectMapper();
    assertThat(
            Declared.in(
                json.readTree("{\"Size\":7,\"Config\":{\"Volumes\":{\"/b\":{},\"/a\":{}}}}")))
        .isEqualTo(new Declared(Set.of("/a", "/b"), 7));
    assertThat(Declared.in(json.readTree("{\"Size\":7,\"Config\":{\"Volumes\":null}}")).paths())
        .isEmpty();
    assertThat(Declared.in(json.readTree("{}")).paths()).isEmpty();
  }

  @Test
  void eachVolumeGetsADirectoryOfTheJobUnlessTheJobMountsThere() {
    List<Mount> mounts =
        ImageVolumeMounts.of(spec(), new Declared(Set.of("/data", "/model/"), LIMIT));

    assertThat(mounts)
        .singleElement()
        .satisfies(
            mount -> {
              assertThat(mount.getType()).isEqualTo(MountType.VOLUME);
              assertThat(mount.getTarget()).isEqualTo("/data");
              assertThat(mount.getVolumeOptions())
                  .extracting(options -> options.getDriverConfig().getOptions())
                  .asInstanceOf(InstanceOfAssertFactories.MAP)
                  .containsEntry("device", "/jobs/1/image-volumes/0");
            });
  }

  @Test
  void tooManyVolumesAreRefused() {
    Set<String> paths =
        IntStream.range(0, 17).mapToObj(number -> "/v" + number).collect(Collectors.toSet());

    assertThatThrownBy(() -> ImageVolumeMounts.of(spec(), new Declared(paths, 1)))
        .isInstanceOf(ContainerException.class)
        .hasMessageContainingAll("busybox", "17 volumes", "16 are the most");
  }

  @Test
  void anImageThatMayNotFitItsLimitIsRefused() {
    assertThatThrownBy(() -> ImageVolumeMounts.of(spec(), new Declared(Set.of("/data"), LIMIT + 1)))
        .isInstanceOf(ContainerException.class)
        .hasMessageContainingAll("busybox", "11 MB", "ckptVol");
  }
}
