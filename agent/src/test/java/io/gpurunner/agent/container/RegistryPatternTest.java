package io.gpurunner.agent.container;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class RegistryPatternTest {
  @ParameterizedTest
  @CsvSource({
    "*, registry.lab:5000, true",
    "*, [::1]:5000, true",
    "docker.io, docker.io, true",
    "docker.io, evil-docker.io, false",
    "docker.io, docker.io.evil.example, false",
    "docker.io, docker.io:5000, false",
    "Registry.Lab:5000, registry.lab:5000, true",
    "registry.lab:5000, registry.lab:5001, false",
    "registry.lab:5000, registry.lab, false",
    "registry.lab:*, registry.lab:5000, true",
    "registry.lab:*, registry.lab, true",
    "*.lab.example, a.lab.example, true",
    "*.lab.example, a.b.lab.example, true",
    "*.lab.example, lab.example, false",
    "*.lab.example, evillab.example, false",
    "*.lab.example, a.lab.example:5000, false",
    "*.lab.example:*, a.lab.example:5000, true",
    "[::1]:5000, [::1]:5000, true",
    "[::1]:5000, [::2]:5000, false",
  })
  void whatAnEntryCovers(String entry, String registry, boolean covers) {
    RegistryPattern pattern = RegistryPattern.parse(entry);
    assertThat(pattern.covers(registry)).isEqualTo(covers);
    assertThat(RegistryPattern.parse(pattern.toString())).isEqualTo(pattern);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "**", "*lab", "a.*", "*:5000", "a b", "a/b", "http://a", "a:", "a:x", "a..b:"})
  void whatIsNoEntry(String text) {
    assertThatIllegalArgumentException().isThrownBy(() -> RegistryPattern.parse(text));
  }
}
