package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.config.AgentConfig;
import io.gpurunner.agent.config.ConfigFile;
import io.gpurunner.agent.metrics.Exposition;
import io.gpurunner.agent.state.StateException;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class AgentStartTest {
  @TempDir private Path directory;

  @Test
  void aStateDirectoryThatCannotBeCreatedIsNamedWithItsReason() throws IOException {
    Path file = directory.resolve("gpurunner.yaml");
    Files.writeString(file, "state-dir: /dev/null\n");
    AgentConfig config = ConfigFile.load(file);

    assertThatThrownBy(() -> Agent.start(config))
        .isInstanceOf(StateException.class)
        .hasMessage(
            "state-dir /dev/null cannot be created: is there already and is not a directory");
  }

  @Test
  void metricsAreAtTheirOwnAddressAndForAdminsAtTheApi() throws Exception {
    int apiPort = freePort();
    int metricsPort = freePort();
    Path file = directory.resolve("gpurunner.yaml");
    Files.writeString(
        file,
        """
        state-dir: %s
        http: { port: %d }
        docker: { host: "unix://%s" }
        gpu: { provider: simulated, simulated: ["NVIDIA GeForce RTX 3090"] }
        metrics: { port: %d, dcgm-names: true }
        """
            .formatted(
                directory.resolve("state"), apiPort, directory.resolve("no.sock"), metricsPort));

    try (Agent _ = Agent.start(ConfigFile.load(file));
        HttpClient client = HttpClient.newHttpClient()) {
      HttpResponse<String> page = get(client, metricsPort);
      assertThat(page.statusCode()).isEqualTo(200);
      Exposition metrics = new Exposition(page.body());
      assertThat(metrics.value("gpurunner_gpu_state", "state", "free")).isPresent();
      assertThat(metrics.value("gpurunner_ready", "part", "docker")).hasValue(0);
      assertThat(metrics.types()).containsKey("DCGM_FI_DEV_FB_USED");
      assertThat(get(client, apiPort).statusCode()).isEqualTo(401);
    }
  }

  private static HttpResponse<String> get(HttpClient client, int port) throws Exception {
    return client.send(
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/metrics")).build(),
        HttpResponse.BodyHandlers.ofString());
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }
}
