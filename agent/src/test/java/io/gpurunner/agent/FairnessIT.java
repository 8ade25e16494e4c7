package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * One user floods a real agent in every way at a time: with jobs, callbacks to a receiver that
 * never answers, and silent connections. Another user's jobs run, and are called back about.
 */
final class FairnessIT {
  private static final Duration LIMIT = Duration.ofMinutes(2);
  private static final int FLOOD_JOBS = 15;
  private static final int HANGING_CALLBACKS = 20;
  private static final int SILENT_CONNECTIONS = 1_000;

  @TempDir Path directory;

  private final HttpClient http = HttpClient.newHttpClient();

  private HttpResponse<String> send(AgentUnderTest agent, String user, String path, String body) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(agent.url() + path))
            .header("Authorization", "Bearer " + agent.token(user))
            .timeout(Duration.ofSeconds(30));
    try {
      return http.send(
          body.isEmpty()
              ? request.GET().build()
              : request.POST(HttpRequest.BodyPublishers.ofString(body)).build(),
          HttpResponse.BodyHandlers.ofString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a test thread", e);
    }
  }

  private String create(AgentUnderTest agent, String user, JsonObject body) {
    HttpResponse<String> answer = send(agent, user, "/api/userJob", body.encode());
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    return new JsonObject(answer.body()).getString("job_id");
  }

  private JsonObject detail(AgentUnderTest agent, String user, String id) {
    HttpResponse<String> answer = send(agent, user, "/api/userJob/" + id, "");
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    return new JsonObject(answer.body());
  }

  private static JsonObject small(String command) {
    return AgentUnderTest.body(command).put("ckptVol", 1).put("modelVol", 1);
  }

  @Test
  void aUserWhoFloodsTheAgentKeepsNoOtherWaiting() throws Exception {
    List<SocketChannel> silent = new ArrayList<>();
    try (ServerSocket hangs = new ServerSocket(0, 1_000, InetAddress.getLoopbackAddress());
        CallbackReceiver receiver = new CallbackReceiver();
        AgentUnderTest agent =
            new AgentUnderTest(
                directory,
                "{ type: local }",
                "{ provider: simulated, simulated: [\"NVIDIA GeForce RTX 3090\"] }",
                "boot-1")) {
      agent.awaitReady();
      URI agentsAddress = URI.create(agent.url());
      for (int number = 0; number < SILENT_CONNECTIONS; number++) {
        silent.add(
            SocketChannel.open(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), agentsAddress.getPort())));
      }
      for (int number = 0; number < HANGING_CALLBACKS; number++) {
        String callback = "http://127.0.0.1:" + hangs.getLocalPort() + "/" + number;
        create(agent, "flood", small("true").put("gpuNumber", 0).put("callbackUrl", callback));
      }
      for (int number = 0; number < FLOOD_JOBS; number++) {
        create(agent, "flood", small("sleep 3"));
      }

      String job = create(agent, "polite", small("true"));
      JsonObject waiting = detail(agent, "polite", job);
      assertThat(waiting.getInteger("queuePosition", 1)).isLessThanOrEqualTo(2);
      String calledBack =
          create(
              agent,
              "polite",
              small("true").put("gpuNumber", 0).put("callbackUrl", receiver.url()));

      Awaitility.await("the polite user's job to end")
          .atMost(LIMIT)
          .until(() -> detail(agent, "polite", job).getString("state"), "SUCCEEDED"::equals);
      Awaitility.await("the polite user to be called back")
          .atMost(LIMIT)
          .until(() -> !receiver.about(calledBack).isEmpty());
      HttpResponse<String> list = send(agent, "flood", "/api/userJob?state=live&size=100", "");
      assertThat(new JsonObject(list.body()).getLong("totalElements"))
          .as("jobs of the flood that go on waiting")
          .isGreaterThan(FLOOD_JOBS / 2);
      assertThat(agent.get("/health/live").statusCode()).isEqualTo(200);
    } finally {
      for (SocketChannel channel : silent) {
        channel.close();
      }
    }
  }
}
