package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.dockerjava.api.model.AuthConfig;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.api.ImageReference;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class RegistryCredentialsTest {
  private static final String WORD = "not-a-secret";

  @TempDir private Path directory;
  private Path file;

  @BeforeEach
  void name() {
    file = directory.resolve("config.json");
  }

  private Optional<AuthConfig> of(String image) {
    return new RegistryCredentials(file).of(ImageReference.of(image));
  }

  private static String pair(String text) {
    return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void withoutAFilePullsAreAnonymous() {
    assertThat(of("busybox")).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "https://index.docker.io/v1/, busybox",
    "docker.io, docker.io/ann/train:2",
    "registry.lab:5000, registry.lab:5000/train",
    "https://Registry.lab:5000/v2/, registry.lab:5000/train",
  })
  void aRegistryIsFoundByItsHost(String key, String image) throws IOException {
    Files.writeString(
        file, "{\"auths\":{\"%s\":{\"auth\":\"%s\"}}}".formatted(key, pair("ann:" + WORD + ":x")));
    AuthConfig auth = of(image).orElseThrow();
    assertThat(auth.getUsername()).isEqualTo("ann");
    assertThat(auth.getPassword()).isEqualTo(WORD + ":x");
    assertThat(of("other.lab/train")).isEmpty();
  }

  @Test
  void aTokenAndAPlainPairAreTaken() throws IOException {
    Files.writeString(
        file,
        "{\"auths\":{\"a.lab\":{\"auth\":\"\",\"identitytoken\":\"%1$s\"},\"b.lab\":{\"username\":\"ann\",\"password\":\"%1$s\"},\"c.lab\":{}}}"
            .formatted(WORD));
    assertThat(of("a.lab/x").orElseThrow().getIdentitytoken()).isEqualTo(WORD);
    assertThat(of("b.lab/x").orElseThrow().getPassword()).isEqualTo(WORD);
    assertThat(of("c.lab/x")).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"credHelpers\":{\"a.lab\":\"ecr-login\"}}",
        "{\"credsStore\":\"ecr-login\",\"auths\":{\"a.lab\":{}}}"
      })
  void aHelperIsRefusedByItsName(String content) throws IOException {
    Files.writeString(file, content);
    assertThatThrownBy(() -> of("a.lab/x"))
        .isInstanceOf(ContainerException.class)
        .hasMessageContaining("images.credentials-file " + file)
        .hasMessageContaining("the credential helper \"ecr-login\"")
        .hasMessageContaining("a.lab");
    assertThat(of("b.lab/x")).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"auths\":{\"a.lab\":{\"auth\":\"not-a-secret\"}}}",
        "{\"auths\":{\"a.lab\":{\"auth\":\"bm90LWEtc2VjcmV0\"}}}",
        "not-a-secret",
        "{\"auths\": not-a-secret"
      })
  void whatCannotBeUsedIsNamedAndNotShown(String content) throws IOException {
    Files.writeString(file, content);
    assertThatThrownBy(() -> of("a.lab/x"))
        .isInstanceOf(ContainerException.class)
        .hasMessageContaining(file.toString())
        .hasMessageNotContaining(WORD);
  }
}
