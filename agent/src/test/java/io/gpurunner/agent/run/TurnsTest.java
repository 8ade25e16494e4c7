package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.run.StepOutcome.Again;
import io.gpurunner.agent.run.StepOutcome.Wait;
import io.gpurunner.api.JobId;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class TurnsTest {
  private final MovableClock clock = new MovableClock();
  private final Turns turns = new Turns(1, "to be uploaded", clock);
  private final List<JobId> woken = new ArrayList<>();
  private final JobId a = JobId.random();
  private final JobId b = JobId.random();
  private final JobId c = JobId.random();

  TurnsTest() {
    turns.listen(woken::add);
  }

  /** Makes a step of a job that asks for its turn. */
  private StepOutcome ask(JobId id) {
    StepOutcome outcome = turns.take(id, Again::new);
    turns.stepped(id);
    return outcome;
  }

  private static Wait waiting(int before) {
    return new Wait(
        new MovableClock().instant().plus(Turns.ASK_INTERVAL),
        Optional.of(
            "waits for its turn to be uploaded: 1 at a time, and " + before + " wait before it"));
  }

  @Test
  void jobsComeInTheOrderInWhichTheyFirstAsked() {
    turns.take(
        a,
        () -> {
          assertThat(ask(b)).isEqualTo(waiting(0));
          assertThat(ask(c)).isEqualTo(waiting(1));
          assertThat(ask(b)).isEqualTo(waiting(0));
          assertThat(woken).isEmpty();
          return new Again();
        });
    assertThat(woken).containsExactly(b);
    assertThat(ask(c)).as("the turn is b's").isEqualTo(waiting(1));
    assertThat(ask(b)).isEqualTo(new Again());
    assertThat(woken).containsExactly(b, c);
    assertThat(ask(c)).isEqualTo(new Again());
    assertThat(turns.waiting()).isZero();
  }

  /** The job was deleted, or its step failed before it asked. */
  @Test
  void aJobThatDoesNotAskAgainHoldsUpNobody() {
    turns.take(
        a,
        () -> {
          ask(b);
          ask(c);
          return new Again();
        });
    turns.stepped(b);
    assertThat(woken).containsExactly(b, c);
    assertThat(ask(c)).isEqualTo(new Again());
    assertThat(turns.waiting()).isZero();
  }

  @Test
  void aTurnThatEndsInAFaultIsGivenBack() {
    assertThatThrownBy(
            () ->
                turns.take(
                    a,
                    () -> {
                      ask(b);
                      throw new IllegalStateException("a defect");
                    }))
        .hasMessage("a defect");
    assertThat(woken).containsExactly(b);
    assertThat(ask(b)).isEqualTo(new Again());
  }

  /** Once, each look at a cancellation kept about 50 bytes until the turn came. */
  @Test
  void aWaitingJobHoldsNoMoreTheLongerItWaits() {
    List<JobId> waiting = Stream.generate(JobId::random).limit(200).toList();
    turns.take(
        a,
        () -> {
          waiting.forEach(this::ask);
          long before = liveBytes();
          for (int looks = 0; looks < 1_000; looks++) {
            waiting.forEach(this::ask);
          }
          assertThat(liveBytes() - before).isLessThan(1 << 20);
          return new Again();
        });
    assertThat(turns.waiting()).isEqualTo(200);
  }

  private static long liveBytes() {
    System.gc();
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }
}
