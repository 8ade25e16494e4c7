package io.gpurunner.agent.container;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.FakeContainerRuntime.Call;
import io.gpurunner.agent.container.FakeContainerRuntime.Moment;
import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.api.JobId;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

/** Tests that the fake keeps the contract, and what the fake does for tests. */
final class FakeContainerRuntimeTest extends ContainerRuntimeContract {
  private Instant now = Instant.parse("2026-01-01T00:00:00Z");
  private final FakeContainerRuntime fake = new FakeContainerRuntime(() -> now);

  @Override
  protected ContainerRuntime runtime() {
    return fake;
  }

  @Override
  protected ContainerSpec spec(Program program) {
    JobId job = JobId.random();
    fake.program(job, program);
    return specOf(job, "busybox");
  }

  @Override
  protected ContainerSpec specOfMissingImage() {
    fake.imageIsMissing("missing");
    return specOf(JobId.random(), "missing");
  }

  @Override
  protected Observation.Exited awaitExit(ContainerName name) {
    return (Observation.Exited) fake.inspect(unrecorded(name)).orElseThrow();
  }

  @Override
  protected void awaitReady(ContainerName name) {}

  @Test
  void timeAloneEndsAProgram() {
    ContainerSpec spec = spec(Program.endsAfter(Duration.ofMinutes(5), 0).killedForMemory());
    fake.create(spec);
    fake.start(unrecorded(spec.name()));
    now = now.plus(Duration.ofMinutes(5)).minusMillis(1);
    assertThat(fake.inspect(unrecorded(spec.name()))).get().isInstanceOf(Observation.Running.class);
    now = now.plusMillis(1);
    Observation.Exited exited = awaitExit(spec.name());
    assertThat(exited.outOfMemory()).isTrue();
    assertThat(exited.finishedAt()).isEqualTo(now);
  }

  @Test
  void aSlowEndAfterTermIsOvertakenByKill() {
    ContainerSpec spec = spec(Program.untilSignalled().endingAfterTerm(Duration.ofSeconds(30)));
    fake.create(spec);
    fake.start(unrecorded(spec.name()));
    fake.askToStop(unrecorded(spec.name()), StopRequest.none());
    now = now.plusSeconds(10);
    fake.kill(unrecorded(spec.name()));
    assertThat(awaitExit(spec.name()).exitCode()).isEqualTo(FakeContainerRuntime.KILLED);
    assertThat(awaitExit(spec.name()).finishedAt()).isEqualTo(now);
  }

  @Test
  void aCallFailsBeforeOrAfterItsEffect() {
    ContainerSpec spec = spec(Program.untilSignalled());
    fake.failNext(Call.CREATE, Kind.FAILED, Moment.BEFORE_EFFECT);
    fake.failNext(Call.CREATE, Kind.UNREACHABLE, Moment.AFTER_EFFECT);
    assertThatThrownBy(() -> fake.create(spec)).isInstanceOf(ContainerException.class);
    assertThat(fake.inspect(unrecorded(spec.name()))).isEmpty();
    assertThatThrownBy(() -> fake.create(spec)).isInstanceOf(ContainerException.class);
    assertThat(fake.inspect(unrecorded(spec.name()))).isPresent();
  }

  @Test
  void anEngineThatIsDownAnswersNothingAndLosesNothing() {
    ContainerSpec spec = spec(Program.untilSignalled());
    fake.create(spec);
    fake.down(true);
    assertThatThrownBy(fake::list)
        .isInstanceOfSatisfying(
            ContainerException.class, e -> assertThat(e.kind()).isEqualTo(Kind.UNREACHABLE));
    fake.down(false);
    assertThat(fake.list())
        .extracting(LabelledContainer::engineName)
        .containsExactly(spec.name().toString());
  }
}
