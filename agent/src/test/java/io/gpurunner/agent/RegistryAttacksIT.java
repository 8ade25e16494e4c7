package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A user lets the container engine call servers of the machine by the name of an image. Real Docker
 * engine, real servers. The agent's callbacks may reach 127.0.0.1 and no other address of the
 * machine.
 */
class RegistryAttacksIT {
  private static final Duration SOON = Duration.ofMinutes(2);
  private static final String SECRET = "the-answer-of-a-server-inside";

  @TempDir static Path directory;

  @SuppressWarnings("NullAway.Init") // started before all tests
  private static AgentUnderTest agent;

  @BeforeAll
  static void start() {
    agent = new AgentUnderTest(directory, "{ type: local }", AgentUnderTest.simulatedGpus(), "b-1");
    agent.awaitReady();
  }

  @AfterAll
  static void stop() {
    agent.close();
  }

  private static HostileRegistry inside(String address) {
    return new HostileRegistry(
        address, "403 " + SECRET, "", "{\"errors\":[{\"message\":\"" + SECRET + "\"}]}");
  }

  private static JsonObject body(String image) {
    return AgentUnderTest.body("true").put("gpuNumber", 0).put("imagePath", image);
  }

  /** Waits until the job has tried to pull its image, and returns its reason. */
  private static String reason(String job) {
    Awaitility.await("the reason of " + job)
        .atMost(SOON)
        .until(() -> agent.detail(job).getString("reason", ""), why -> why.contains("be pulled"));
    return agent.detail(job).getString("reason");
  }

  @Test
  void noNameOfTheMachineItselfMakesTheEngineAskAServerThere() throws Exception {
    try (HostileRegistry server = inside("0.0.0.0")) {
      List<String> hosts =
          new ArrayList<>(
              List.of("127.0.0.2", "127.1", "2130706433", "0x7f000001", "0.0.0.0", "[::1]"));
      NetworkInterface.networkInterfaces()
          .flatMap(NetworkInterface::inetAddresses)
          .filter(address -> address.getAddress().length == 4 && !address.isLoopbackAddress())
          .map(InetAddress::getHostAddress)
          .forEach(hosts::add);
      for (String host : hosts) {
        HttpResponse<String> answer =
            agent.post("/api/userJob", body(host + ":" + server.port() + "/team/x:1"));
        assertThat(answer.statusCode()).as(host).isEqualTo(400);
        assertThat(answer.body()).as(host).contains("imagePath", "images.registries");
      }
      assertThat(server.connections()).isEmpty();

      // The same server is asked where the configuration lets callbacks reach it.
      String asked = agent.create(body("127.0.0.1:" + server.port() + "/team/x:1"));
      assertThat(reason(asked)).doesNotContain(SECRET);
      assertThat(server.requests()).isNotEmpty();
    }
  }

  /**
   * The user's own registry sends the engine on to a server inside. The engine follows, which only
   * a firewall stops. The user learns nothing of the answer.
   */
  @Test
  void theAnswerOfAServerToWhichARegistryLeadsTheEngineIsNotShown() {
    try (HostileRegistry server = inside("127.0.0.2");
        HostileRegistry byRedirect =
            new HostileRegistry(
                "127.0.0.1",
                "307 X",
                "Location: http://127.0.0.2:%d/\r\n".formatted(server.port()),
                "");
        HostileRegistry byRealm =
            new HostileRegistry(
                "127.0.0.1",
                "401 X",
                "WWW-Authenticate: Bearer realm=\"http://127.0.0.2:%d/\",service=\"x\"\r\n"
                    .formatted(server.port()),
                "")) {
      for (HostileRegistry own : List.of(byRedirect, byRealm)) {
        int before = server.connections().size();
        String image = "127.0.0.1:" + own.port() + "/team/x:1";
        String job = agent.create(body(image));
        assertThat(reason(job)).contains("could not be pulled: its registry");
        assertThat(reason(job).replace(image, "")).doesNotContain("403"); // a port may have it
        assertThat(agent.detail(job).encode()).doesNotContain(SECRET, "127.0.0.2");
        assertThat(server.connections()).hasSizeGreaterThan(before);
      }
    }
  }
}
