package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.ExitCodes;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.container.StopRequest;
import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.run.StepOutcome.Advance;
import io.gpurunner.agent.run.StepOutcome.Wait;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Stops the programs of a run: asks them to end, waits for the grace period, and kills them. Holds
 * only what may be lost in a crash. Thread-safe.
 */
final class StopSignals {
  private final StepPorts ports;
  private final RunSettings settings;
  private final Clock clock;
  private final CommonOutcomes outcomes;

  /**
   * The containers whose programs this agent asked. If the agent crashes before that is recorded,
   * the next one does not know it. It then asks again, and waits again.
   */
  private final Map<ContainerName, Asked> asked = new ConcurrentHashMap<>();

  /**
   * @param at when the programs were first asked
   * @param last what came of the last request
   * @param notBefore when the programs are looked at again; a job may have thousands
   * @param notes how many later requests the history has
   * @param killed whether SIGKILL was sent
   */
  private record Asked(Instant at, StopRequest last, Instant notBefore, int notes, boolean killed) {
    Asked noted() {
      return new Asked(at, last, notBefore, notes + 1, killed);
    }

    Asked withKill() {
      return new Asked(at, last, notBefore, notes, true);
    }
  }

  StopSignals(StepPorts ports, RunSettings settings, Clock clock, CommonOutcomes outcomes) {
    this.ports = ports;
    this.settings = settings;
    this.clock = clock;
    this.outcomes = outcomes;
  }

  /** Forgets a container that is gone. */
  void forget(ContainerName container) {
    asked.remove(container);
  }

  /** Makes the next step of a run whose container runs and is to be stopped. */
  StepOutcome next(Job job, JobState.Stopping state, ContainerRef container) {
    if (state.killAt().isEmpty()) {
      StopRequest request = ask(job, state, container);
      // The grace period begins now, because a busy engine may send the signal late.
      return new Advance(
          new JobEvent.StopSignalled(
              clock.instant().plus(gracePeriod(job)),
              request.words().orElse(request.signal() + " was sent already")));
    }
    Instant now = clock.instant();
    Instant killAt = state.killAt().get();
    boolean isOfThisBoot = state.bootId().filter(settings.bootId()::equals).isPresent();
    // Under the same boot this time stays, even if the configured grace period is shorter now.
    if (isOfThisBoot ? !now.isBefore(killAt) : outcomes.isOver(killAt, gracePeriod(job))) {
      kill(job, state, container);
    } else {
      askLater(job, state, container);
    }
    Instant nextLook = now.plus(RunSettings.STOP_INTERVAL);
    return new Wait(now.isBefore(killAt) && killAt.isBefore(nextLook) ? killAt : nextLook);
  }

  private void askLater(Job job, JobState.Placed state, ContainerRef container) {
    Asked before = askedOf(job, state, container);
    if (clock.instant().isBefore(before.notBefore())) {
      return;
    }
    StopRequest request = ask(job, state, container);
    if (request.words().isPresent() && before.notes() < RunSettings.STOP_NOTES) {
      asked.computeIfPresent(container.name(), (_, now) -> now.noted());
      ports.ledger().note(job.id(), "stop-signalled", request.words().get());
    }
  }

  /** Asks the programs that were not asked yet. */
  private StopRequest ask(Job job, JobState.Placed state, ContainerRef container) {
    boolean isFirst = !asked.containsKey(container.name());
    Asked before = askedOf(job, state, container);
    Instant began = clock.instant();
    StopRequest request = ports.containers().askToStop(container, before.last());
    Instant now = clock.instant();
    Duration rest = Duration.between(began, now).multipliedBy(RunSettings.STOP_REST_TIMES);
    asked.put(
        container.name(),
        new Asked(
            isFirst ? now : before.at(), // a busy engine may send the signal late
            request.withoutWords(),
            now.plus(rest),
            before.notes(),
            before.killed()));
    return request;
  }

  private Asked askedOf(Job job, JobState.Placed state, ContainerRef container) {
    Asked known = asked.get(container.name());
    Instant now = clock.instant();
    return known == null ? new Asked(now, recorded(job, state), now, 0, false) : known;
  }

  /** Returns what the ledger knows of requests of an earlier agent. */
  private StopRequest recorded(Job job, JobState.Placed state) {
    return killAtRecorded(state)
        .map(
            killAt -> {
              Duration ago = Duration.between(killAt.minus(gracePeriod(job)), clock.instant());
              return StopRequest.forgotten(ago.isNegative() ? Duration.ZERO : ago);
            })
        .orElse(StopRequest.none());
  }

  private void kill(Job job, JobState.Placed state, ContainerRef container) {
    ports.containers().kill(container);
    Asked before = askedOf(job, state, container);
    if (!before.killed()) {
      asked.put(container.name(), before.withKill());
      ports.ledger().note(job.id(), "stop-killed", "the grace period is over: SIGKILL sent");
    }
  }

  /** Adds a line to the history of a run that was asked to end: how it ended. */
  void noteEnd(Job job, JobState.Stopping state, Observation.Exited exited) {
    if (state.killAt().isPresent()) {
      ports
          .ledger()
          .note(
              job.id(),
              "stopped",
              "the container ended with exit code " + ExitCodes.describe(exited.exitCode()));
    }
  }

  // ---- while the ledger cannot be written

  /**
   * Enforces a stop that cannot be recorded. Nothing is lost by that: the ledger holds the reason
   * (a stop time, a deletion request), so a later step comes to the same end. SIGKILL follows the
   * first request after the grace period, even if the reason is much older.
   */
  void enforceUnrecorded(Job job, JobEvent event) {
    if (isStop(job, event)) {
      JobState.Placed state = (JobState.Placed) job.state();
      ContainerRef container = ContainerLooks.containerOf(job, state);
      boolean graceIsOver =
          killAt(job, state, container.name())
              .filter(at -> !clock.instant().isBefore(at))
              .isPresent();
      if (graceIsOver) {
        ports.containers().kill(container);
      } else {
        ask(job, state, container);
      }
    }
  }

  /** Returns when SIGKILL is due. It is empty if this agent knows of no request. */
  private Optional<Instant> killAt(Job job, JobState.Placed state, ContainerName name) {
    return killAtRecorded(state)
        .or(
            () ->
                Optional.ofNullable(asked.get(name)).map(sent -> sent.at().plus(gracePeriod(job))));
  }

  private static Optional<Instant> killAtRecorded(JobState.Placed state) {
    return state instanceof JobState.Stopping stopping ? stopping.killAt() : Optional.empty();
  }

  private boolean isStop(Job job, JobEvent event) {
    return switch (job.state()) {
      case JobState.Starting _ when event instanceof JobEvent.Started started ->
          started.deadline().filter(deadline -> !clock.instant().isBefore(deadline)).isPresent();
      case JobState.Starting _ -> isDeletion(event);
      case JobState.Running _ when event instanceof JobEvent.RunEnded(Ending ending, _) ->
          switch (ending) {
            case Ending.TimeUp _, Ending.DeletedBy _ -> true;
            case Ending.Completed _, Ending.Broken _, Ending.NotStarted _ -> false;
          };
      case JobState.Stopping _ ->
          event instanceof JobEvent.StopSignalled
              || event instanceof JobEvent.Found
              || isDeletion(event);
      case JobState.Live _, JobState.Final _ -> false;
    };
  }

  private static boolean isDeletion(JobEvent event) {
    return event instanceof JobEvent.RunEnded(Ending.DeletedBy _, _);
  }

  private Duration gracePeriod(Job job) {
    return job.request().gracePeriod().orElse(settings.gracePeriod());
  }
}
