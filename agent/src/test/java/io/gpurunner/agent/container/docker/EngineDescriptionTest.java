package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.dockerjava.api.model.Info;
import io.gpurunner.agent.container.ContainerRoot;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class EngineDescriptionTest {
  private static Optional<String> whyUnfit(String version) {
    return new EngineDescription(
            version, Map.of(), "runc", List.of(), List.of(), Optional.empty(), false, false, false)
        .whyUnfit();
  }

  @ParameterizedTest
  @CsvSource({
    "19.03.15, 20.10 or newer",
    "24.0.0, reports exit code 0",
    "24.0.2-1~debian, reports exit code 0"
  })
  void someEnginesAreRefused(String version, String why) {
    assertThat(whyUnfit(version)).get().asString().contains(why);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"20.10.24+dfsg1", "23.0.1", "24.0.3", "24.0.20", "26.1.5+dfsg1", "29.1.0", "dev"})
  void othersAreNot(String version) {
    assertThat(whyUnfit(version)).isEmpty();
  }

  @Test
  void aRootlessEngineSaysSo() {
    Info info = new Info();
    assertThat(EngineDescription.of(info).rootless()).isFalse();
    info.withSecurityOptions(List.of("name=seccomp,profile=default"));
    assertThat(EngineDescription.of(info).rootless()).isFalse();
    info.withSecurityOptions(List.of("name=seccomp,profile=default", "name=rootless"));
    assertThat(EngineDescription.of(info).rootless()).isTrue();
  }

  @Test
  void whereUsersAreRemappedTheEnginesDirectorySaysToWhom() {
    Info info =
        new Info()
            .withServerVersion("28.1.0")
            .withDockerRootDir("/var/lib/docker/100000.200000")
            .withSecurityOptions(List.of("name=seccomp,profile=default"));
    assertThat(EngineDescription.of(info).containerRoot()).isEmpty();
    info.withSecurityOptions(List.of("name=seccomp,profile=default", "name=userns"));
    assertThat(EngineDescription.of(info).containerRoot())
        .contains(new ContainerRoot(100_000, 200_000));
    assertThat(EngineDescription.of(info).whyUnfit()).isEmpty();
    info.withDockerRootDir("/var/lib/docker");
    assertThat(EngineDescription.of(info).whyUnfit())
        .get()
        .asString()
        .contains("userns-remap", "/var/lib/docker does not end with");
  }
}
