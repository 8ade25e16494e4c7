package io.gpurunner.agent.run;

import io.gpurunner.agent.callback.CallbackSender;
import io.gpurunner.agent.callback.RetrySchedule;
import io.gpurunner.agent.container.ContainerOutput;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.container.EngineProbe;
import io.gpurunner.agent.container.FakeImageShelf;
import io.gpurunner.agent.container.Images;
import io.gpurunner.agent.container.OpenRegistries;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.log.OutputKeeper;
import io.gpurunner.api.JobId;
import io.gpurunner.api.Jobs;
import io.gpurunner.gpu.GpuInventory;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.storage.ArtifactPublisher;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.FileWork;
import io.gpurunner.storage.JobVolumes;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.random.RandomGenerator;

/**
 * The parts of this package, wired together for the simulation as in the agent, but without their
 * threads: the caller makes each turn and each round. For one thread.
 */
public final class RunParts {
  /** How long a lease waits for its devices to come free. */
  public static final Duration RELEASE_LIMIT = RunSettings.RELEASE_LIMIT;

  /** How long the agent tries to save an output. */
  public static final Duration OUTPUT_LIMIT = RunSettings.OUTPUT_LIMIT;

  private final Stepping stepping;
  private final Dispatcher dispatcher;
  private final CallbackOutbox outbox;
  private final Retention retention;
  private final Readiness readiness;
  private final JobDesk desk;
  private final Orphans orphans;
  private final StartGate gate;

  /** The ports that the parts act on. */
  public record Machine(
      ContainerRuntime containers,
      Images images,
      ContainerOutput output,
      OutputKeeper keeper,
      SpecSource specs,
      JobVolumes volumes,
      ArtifactStore store,
      GpuInventory gpus,
      EngineProbe probe,
      CallbackSender sender) {}

  /**
   * The settings of the parts.
   *
   * @param shown converts a time of the clock to the time that users see
   */
  public record Settings(
      RunSettings run, Duration callbackRetryFor, Duration keepFor, UnaryOperator<Instant> shown) {}

  /**
   * What stands in for threads.
   *
   * @param senders executes the tries of callbacks
   * @param measuring executes the measurements of volumes
   * @param pause waits while others go on
   * @param wake makes a job's next turn come now
   */
  public record Threads(
      Executor senders, Executor measuring, Consumer<Duration> pause, Consumer<JobId> wake) {}

  /**
   * Replacements of decisions, for planted bugs. Each is given the decision of production.
   *
   * @param steps makes a step of a job
   * @param queue returns the queue from which it is decided which jobs start
   * @param ordered takes the order of the queue in each round
   * @param givingUp decides whether the files of a job that ended may be removed
   */
  public record Decisions(
      UnaryOperator<Function<Job, StepOutcome>> steps,
      UnaryOperator<List<Job>> queue,
      Consumer<List<Job>> ordered,
      UnaryOperator<Predicate<JobId>> givingUp) {}

  public RunParts(
      JobLedger ledger,
      Machine machine,
      Settings settings,
      Threads threads,
      Clock clock,
      Clock wall,
      RandomGenerator random,
      Decisions decisions) {
    ArtifactUrls urls =
        new ArtifactUrls(machine.store(), _ -> Optional.empty(), Duration.ofHours(1), wall);
    this.gate = new StartGate(machine.probe(), machine.gpus(), Runnable::run);
    GpuMeter meter = new GpuMeter(ledger, machine.gpus(), gate, new ForgetfulMeterStore(), clock);
    StepPorts ports =
        new StepPorts(
            ledger,
            machine.containers(),
            machine.images(),
            machine.output(),
            machine.keeper(),
            machine.specs(),
            machine.volumes(),
            new VolumeWatch(machine.volumes(), threads.measuring(), clock),
            machine.store(),
            new ArtifactPublisher(machine.store(), new FileWork()),
            machine.gpus(),
            meter,
            gate,
            new ImageKeeper(
                Path.of("/no/such/file"),
                Long.MAX_VALUE,
                ledger,
                new FakeImageShelf(),
                gate,
                clock),
            OpenRegistries.rules());
    JobSteps made = new JobSteps(ports, settings.run(), clock);
    made.listen(threads.wake());
    this.stepping =
        new Stepping(ledger, decisions.steps().apply(made::step), made::enforceUnrecorded, clock);
    this.orphans = new Orphans(ledger, machine.containers(), clock);
    this.dispatcher =
        new Dispatcher(
            ledger,
            machine.gpus(),
            machine.volumes(),
            machine.store().place(),
            gate,
            clock,
            settings.run().gracePeriod(),
            UserLimits.DEFAULT,
            (queued, now) -> {
              decisions.ordered().accept(Placement.decide(queued, now).order());
              return Placement.decide(decisions.queue().apply(queued), now);
            });
    this.outbox =
        new CallbackOutbox(
            ledger,
            machine.sender(),
            urls,
            new RetrySchedule(settings.callbackRetryFor(), random),
            clock,
            threads.senders(),
            threads.pause());
    this.retention =
        new Retention(
            ledger,
            machine.volumes(),
            machine.store().place().isOnThisMachine()
                ? Optional.of(machine.store())
                : Optional.empty(),
            settings.keepFor(),
            settings.keepFor(),
            clock,
            wall,
            decisions.givingUp().apply(ledger::giveFilesUp));
    this.readiness =
        new Readiness(
            "Docker",
            machine.probe(),
            machine.store(),
            machine.gpus(),
            machine.volumes(),
            ledger,
            gate);
    this.desk =
        new JobDesk(
            ledger,
            dispatcher,
            meter,
            _ -> Optional.empty(),
            urls,
            readiness,
            settings.run(),
            UserLimits.DEFAULT,
            clock,
            settings.shown());
  }

  /** Returns whether a job needs a loop. */
  public static boolean needsLoop(Job job) {
    return Stepping.concerns(job);
  }

  /**
   * Makes one turn of a job's loop.
   *
   * @return how long the next turn may wait; empty if there is none
   */
  public Optional<Duration> step(JobId id) {
    return switch (stepping.stepOnce(id)) {
      case Stepping.Next.Now _ -> Optional.of(Duration.ZERO);
      case Stepping.Next.Later later -> Optional.of(later.pause());
      case Stepping.Next.Never _ -> Optional.empty();
    };
  }

  /** Makes one round of the dispatcher. */
  public Duration dispatch() {
    return dispatcher.round();
  }

  /** Returns whether the gate keeps all jobs in the queue. */
  public boolean isClosed() {
    return gate.whyClosed().isPresent();
  }

  /** Returns whether the gate keeps this GPU back. */
  public boolean isClosed(GpuUuid gpu) {
    return gate.whyClosed(gpu).isPresent();
  }

  /** Returns whether the gate says that this GPU reaches no container. */
  public boolean isRefused(GpuUuid gpu) {
    return gate.whyRefused(gpu).isPresent();
  }

  /** Makes one round of the gate: tries to start a container, if that is in doubt. */
  public Duration tryStarts() {
    return gate.round();
  }

  /** Makes one round of the outbox. */
  public Duration sendCallbacks() {
    return outbox.round();
  }

  /** Makes one round of retention. */
  public Duration sweep() {
    return retention.round();
  }

  /** Makes one round of the removal of orphans. */
  public Duration reap() {
    return orphans.round();
  }

  /** Looks once at every part. */
  public Duration look() {
    return readiness.look();
  }

  /** Returns the port that users' requests come to. */
  public Jobs desk() {
    return desk;
  }
}
