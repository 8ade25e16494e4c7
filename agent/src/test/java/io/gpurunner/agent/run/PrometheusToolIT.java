package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.callback.CallbackResult;
import io.gpurunner.agent.metrics.AgentMetrics;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Lets Prometheus' own tool judge the metrics and the alerts. */
final class PrometheusToolIT {
  private static final long LIMIT_SECONDS = 60;

  @TempDir Path directory;

  @Test
  void theAlertsAreValid() throws Exception {
    assertThat(promtool("", "check", "rules", "../dev/grafana/alerts.yml"))
        .contains("SUCCESS: 7 rules found");
  }

  @Test
  void eachAlertFiresWhenItShouldAndNotOtherwise() throws Exception {
    assertThat(promtool("", "test", "rules", "../dev/grafana/alerts-test.yml")).contains("SUCCESS");
  }

  @Test
  void theMetricsAreAsPrometheusWantsThem() throws Exception {
    try (RunHarness run = new RunHarness(directory)) {
      WatchedRun watched =
          WatchedRun.of(
              run,
              new AgentMetrics("1.2.3", Optional.empty(), run.clock),
              _ -> new CallbackResult.Delivered(200));
      watched.readiness().look();
      run.meter.round();
      String page = watched.metrics().scrape("").text();
      assertThat(promtool(page, "check", "metrics")).isEmpty();
    }
  }

  private static String promtool(String input, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("promtool"));
    command.addAll(List.of(arguments));
    Process tool;
    try {
      tool = new ProcessBuilder(command).redirectErrorStream(true).start();
    } catch (IOException e) {
      throw new AssertionError("promtool of the package prometheus is needed; run dev/prepare", e);
    }
    try (OutputStream in = tool.getOutputStream()) {
      in.write(input.getBytes(StandardCharsets.UTF_8));
    }
    String output = new String(tool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(tool.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)).isTrue();
    assertThat(tool.exitValue()).as(output).isZero();
    return output;
  }
}
