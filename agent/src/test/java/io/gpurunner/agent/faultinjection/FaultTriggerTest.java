package io.gpurunner.agent.faultinjection;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class FaultTriggerTest {
  @TempDir private Path directory;

  private final AtomicInteger ends = new AtomicInteger();

  @SuppressWarnings("NullAway.Init") // created before each test
  private FaultTrigger trigger;

  @BeforeEach
  void make() {
    trigger = new FaultTrigger(directory.resolve("point"), ends::incrementAndGet);
  }

  private void arm(String text) throws IOException {
    Files.writeString(directory.resolve("point"), text);
  }

  @Test
  void noFileIsNoEnd() {
    trigger.reached("store.put.before");
    assertThat(ends).hasValue(0);
  }

  @Test
  void thePointInTheFileIsTheEndAndNoOther() throws IOException {
    arm("store.put.before\n");
    trigger.reached("store.put.after");
    assertThat(ends).hasValue(0);
    trigger.reached("store.put.before");
    assertThat(ends).hasValue(1);
  }

  @Test
  void timesAreCountedFromWhenTheFileWasWritten() throws IOException {
    trigger.reached("store.put.before");
    arm("store.put.before:2");
    trigger.reached("store.put.before");
    assertThat(ends).hasValue(0);
    trigger.reached("store.put.before");
    assertThat(ends).hasValue(1);
  }
}
