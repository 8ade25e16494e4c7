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
  private final Turns turns = new Turns(1, 1, "to be uploaded", clock);
  private final List<JobId> woken = new ArrayList<>();
  private final JobId a = JobId.random();
  private final JobId b = JobId.random();
  private final JobId c = JobId.random();

  TurnsTest() {
    turns.listen(woken::add);
  }

  /** Makes a step of a job that asks for its turn. */
  private StepOutcome ask(JobId id) {
    StepOutcome outcome = turns.take(id, "ann", Again::new);
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
        "ann",
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
        "ann",
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
                    "ann",
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
        "ann",
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

  private static final int FLOOD = 1_000;

  private StepOutcome ask(Turns of, JobId id, String user) {
    StepOutcome outcome = of.take(id, user, Again::new);
    of.stepped(id);
    return outcome;
  }

  /** A thousand jobs of one user wait, and one of another comes after them. */
  @Test
  void usersTakeTurns() {
    List<JobId> flood = Stream.generate(JobId::random).limit(FLOOD).toList();
    turns.take(
        a,
        "flood",
        () -> {
          flood.forEach(id -> ask(turns, id, "flood"));
          assertThat(ask(turns, b, "polite")).isEqualTo(waiting(1));
          return new Again();
        });
    assertThat(woken).as("its first came before").containsExactly(flood.getFirst());
    assertThat(ask(turns, flood.getFirst(), "flood")).isEqualTo(new Again());
    assertThat(woken.getLast()).isEqualTo(b);
    assertThat(ask(turns, b, "polite")).isEqualTo(new Again());
    assertThat(ask(turns, c, "polite")).as("the turn is the other's").isEqualTo(waiting(1));
    assertThat(ask(turns, flood.get(1), "flood")).isEqualTo(new Again());
    assertThat(ask(turns, c, "polite")).isEqualTo(new Again());
  }

  /** The works of one user never have all places, so another's begins at once. */
  @Test
  void aUserHasFewerPlacesThanThereAre() {
    Turns three = new Turns(3, 2, "to be uploaded", clock);
    three.take(
        a,
        "flood",
        () ->
            three.take(
                b,
                "flood",
                () -> {
                  assertThat(ask(three, c, "flood"))
                      .isInstanceOfSatisfying(
                          Wait.class,
                          wait ->
                              assertThat(wait.missing())
                                  .contains(
                                      "waits for its turn to be uploaded: 3 at a time (2 of one"
                                          + " user), and 0 wait before it"));
                  assertThat(ask(three, JobId.random(), "polite")).isEqualTo(new Again());
                  return new Again();
                }));
    assertThat(ask(three, c, "flood")).isEqualTo(new Again());
    assertThat(three.waiting()).isZero();
  }
}
