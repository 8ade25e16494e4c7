package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.github.dockerjava.api.model.PullResponseItem;
import org.junit.jupiter.api.Test;

final class PullProgressTest {
  private final PullProgress progress = new PullProgress();

  private void report(String json) throws JsonProcessingException {
    progress.onNext(new ObjectMapper().readValue(json, PullResponseItem.class));
  }

  private static String loading(String layer, String status, long current, long total) {
    return "{\"id\":\"%s\",\"status\":\"%s\",\"progressDetail\":{\"current\":%d,\"total\":%d}}"
        .formatted(layer, status, current, total);
  }

  @Test
  void tellsLayersBytesAndSpeed() throws JsonProcessingException {
    assertThat(progress.words()).isEqualTo("pulls the image: waits for the registry");
    report("{\"status\":\"Pulling from library/busybox\",\"id\":\"latest\"}");
    report("{\"status\":\"Already exists\",\"id\":\"a\"}");
    report(loading("b", "Downloading", 2_000_000, 8_000_000));
    report(loading("c", "Downloading", 1_000_000, 1_000_000));
    report("{\"status\":\"Pull complete\",\"id\":\"c\"}");
    assertThat(progress.words())
        .startsWith("pulls the image: 2 of 3 layers, 3.0 of 9.0 MB, ")
        .endsWith(" MB/s");
  }

  @Test
  void repeatedWordsAndWaitsAreNoProgress() throws JsonProcessingException {
    report("{\"status\":\"Waiting\",\"id\":\"a\"}");
    long stalled = sleepAndLook();
    report("{\"status\":\"Waiting\",\"id\":\"a\"}");
    report("{\"status\":\"Retrying in 5 seconds\",\"id\":\"a\"}");
    report("{\"status\":\"Retrying in 4 seconds\",\"id\":\"a\"}");
    assertThat(progress.stalledNanos()).isGreaterThanOrEqualTo(stalled);
    report(loading("a", "Extracting", 1, 10));
    assertThat(progress.stalledNanos()).isLessThan(stalled);
    long again = sleepAndLook();
    report(loading("a", "Extracting", 2, 10));
    assertThat(progress.stalledNanos()).isLessThan(again);
  }

  private long sleepAndLook() {
    java.util.concurrent.locks.LockSupport.parkNanos(500_000_000);
    return progress.stalledNanos();
  }

  @Test
  void anErrorInTheStreamIsARefusal() throws JsonProcessingException {
    assertThat(progress.refusal()).isEmpty();
    report("{\"errorDetail\":{\"message\":\"manifest unknown\"},\"error\":\"manifest unknown\"}");
    assertThat(progress.refusal()).contains("manifest unknown");
  }
}
