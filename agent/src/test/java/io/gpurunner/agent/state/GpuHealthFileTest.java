package io.gpurunner.agent.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.gpurunner.gpu.GpuHealth;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.gpu.HealthBook;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class GpuHealthFileTest {
  private static final Instant T = Instant.parse("2026-01-01T00:00:00.123Z");
  private static final HealthBook.Saved SAVED =
      new HealthBook.Saved(
          "boot",
          Map.of(
              new GpuUuid("GPU-a"),
              new GpuHealth(
                  GpuHealth.State.QUARANTINED,
                  Optional.of("XID 48 \"…\"\n"),
                  T,
                  T.plusNanos(1),
                  List.of(
                      new GpuHealth.Hold("XID 48", T, GpuHealth.Ends.RESET),
                      new GpuHealth.Hold("loud", T, GpuHealth.Ends.RELEASE)),
                  T.plusSeconds(1)),
              new GpuUuid("GPU-b"),
              GpuHealth.HEALTHY));

  @TempDir private Path directory;

  private GpuHealthFile file() {
    return new GpuHealthFile(directory);
  }

  @Test
  void whatWasSavedIsLoaded() {
    assertThat(file().load()).isEqualTo(HealthBook.Saved.NOTHING);
    file().save(new HealthBook.Saved("earlier", Map.of()));
    file().save(SAVED);
    assertThat(file().load()).isEqualTo(SAVED);
    assertThat(directory)
        .isDirectoryContaining("glob:**/gpu-health")
        .isDirectoryNotContaining("glob:**.new");
  }

  /** A damaged file fails no start: GPUs that are damaged show it again. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{",
        "[]",
        "{}",
        "{\"boot\":\"b\",\"gpus\":[7]}",
        "{\"boot\":\"b\",\"gpus\":[{\"uuid\":\"GPU-a\",\"holds\":[],\"state\":\"HEALTHY\",\"since\":\"never\"}]}"
      })
  void aDamagedFileCountsAsNone(String text) throws Exception {
    Files.writeString(directory.resolve("gpu-health"), text);
    assertThat(file().load()).isEqualTo(HealthBook.Saved.NOTHING);
    file().save(SAVED);
    assertThat(file().load()).isEqualTo(SAVED);
  }

  @Test
  void aFileThatCannotBeWrittenIsNamed() {
    GpuHealthFile lost = new GpuHealthFile(directory.resolve("gone"));
    assertThatExceptionOfType(UncheckedIOException.class)
        .isThrownBy(() -> lost.save(SAVED))
        .withMessageContaining("gpu-health");
  }
}
