package io.gpurunner.agent.os;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class HostFactsTest {
  @TempDir private Path proc;

  @Test
  void thisHost() {
    HostFacts facts = new HostFacts();
    assertThat(UUID.fromString(facts.bootId())).hasToString(facts.bootId());
    assertThat(facts.hostName()).isNotBlank().doesNotContain("\n");
    assertThat(facts.totalMemoryBytes()).isGreaterThan(100_000_000);
  }

  @Test
  void anotherHost() throws IOException {
    Files.writeString(proc.resolve("meminfo"), "MemTotal:       16 kB\nMemFree:         3 kB\n");
    assertThat(new HostFacts(proc).totalMemoryBytes()).isEqualTo(16_384);
  }

  @Test
  void whatTheKernelDoesNotSay() throws IOException {
    HostFacts facts = new HostFacts(proc);
    assertThatExceptionOfType(UncheckedIOException.class)
        .isThrownBy(facts::bootId)
        .withMessageContaining("boot_id");
    Files.writeString(proc.resolve("meminfo"), "MemFree: 3 kB\n");
    assertThatExceptionOfType(UncheckedIOException.class)
        .isThrownBy(facts::totalMemoryBytes)
        .withMessageContaining("MemTotal");
  }
}
