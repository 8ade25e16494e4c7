package io.gpurunner.agent.run;

import io.gpurunner.agent.callback.CallbackSender;
import io.gpurunner.agent.callback.RetrySchedule;
import io.gpurunner.agent.container.ContainerOutput;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.container.EngineProbe;
import io.gpurunner.agent.container.Images;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.api.JobId;
import io.gpurunner.api.Jobs;
import io.gpurunner.gpu.GpuInventory;
import io.gpurunner.storage.ArtifactPublisher;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.FileWork;
import io.gpurunner.storage.JobVolumes;
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
 * The parts of this package put together as the agent does, without their threads: each turn and
 * round is made by the caller. For the simulation. One thread.
 */
public final class RunParts {
  /** How long a device may take to come free, and saving an output be tried. */
  public static final Duration RELEASE_LIMIT = RunSettings.RELEASE_LIMIT;

  public static final Duration OUTPUT_LIMIT = RunSettings.OUTPUT_LIMIT;

  private final Stepping stepping;
  private final Dispatcher dispatcher;
  private final CallbackOutbox outbox;
  private final Retention retention;
  private final Readiness readiness;
  private final JobDesk desk;
  private final Orphans orphans;

  /** What they act on. */
  public record Machine(
      ContainerRuntime containers,
      Images images,
      ContainerOutput output,
      SpecSource specs,
      JobVolumes volumes,
      ArtifactStore store,
      GpuInventory gpus,
      EngineProbe probe,
      CallbackSender sender) {}

  /**
   * How they are set.
   *
   * @param artifactsHere whether the store is a directory of this machine
   * @param shown what people are told for a time of the clock
   */
  public record Settings(
      RunSettings run,
      boolean artifactsHere,
      Duration callbackRetryFor,
      Duration keepFor,
      UnaryOperator<Instant> shown) {}

  /**
   * What runs beside the loops.
   *
   * @param senders where callbacks are tried
   * @param measuring where volumes are measured
   * @param pause waits, with others going on
   * @param wake makes a job's next turn come now
   */
  public record Threads(
      Executor senders, Executor measuring, Consumer<Duration> pause, Consumer<JobId> wake) {}

  /**
   * Decisions of the parts, each given the one of production.
   *
   * @param steps makes a step of a job
   * @param queue what the queue is taken for when it is decided which of its jobs start
   * @param givingUp whether the files of a job that ended may be removed
   */
  public record Decisions(
      UnaryOperator<Function<Job, StepOutcome>> steps,
      UnaryOperator<List<Job>> queue,
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
    StepPorts ports =
        new StepPorts(
            ledger,
            machine.containers(),
            machine.images(),
            machine.output(),
            machine.specs(),
            machine.volumes(),
            new VolumeWatch(machine.volumes(), threads.measuring(), clock),
            machine.store(),
            new ArtifactPublisher(machine.store(), new FileWork()),
            machine.gpus());
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
            settings.artifactsHere(),
            (queued, now) -> Placement.decide(decisions.queue().apply(queued), now));
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
            settings.artifactsHere() ? Optional.of(machine.store()) : Optional.empty(),
            settings.keepFor(),
            clock,
            wall,
            decisions.givingUp().apply(ledger::giveFilesUp));
    this.readiness =
        new Readiness(machine.probe(), machine.store(), machine.gpus(), machine.volumes(), ledger);
    this.desk =
        new JobDesk(
            ledger,
            dispatcher,
            _ -> Optional.empty(),
            urls,
            readiness,
            settings.run(),
            clock,
            settings.shown());
  }

  /** Whether a job needs a loop. */
  public static boolean needsLoop(Job job) {
    return Stepping.concerns(job);
  }

  /**
   * One turn of a job's loop.
   *
   * @return how long the next may wait; empty where there is none
   */
  public Optional<Duration> step(JobId id) {
    return switch (stepping.stepOnce(id)) {
      case Stepping.Next.Now _ -> Optional.of(Duration.ZERO);
      case Stepping.Next.Later later -> Optional.of(later.pause());
      case Stepping.Next.Never _ -> Optional.empty();
    };
  }

  /** One round of the queue. */
  public Duration dispatch() {
    return dispatcher.round();
  }

  /** One round of the outbox. */
  public Duration sendCallbacks() {
    return outbox.round();
  }

  /** One round of retention. */
  public Duration sweep() {
    return retention.round();
  }

  /** One round of looking for containers of no job. */
  public Duration reap() {
    return orphans.round();
  }

  /** One look at every part. */
  public Duration look() {
    return readiness.look();
  }

  /** What users call. */
  public Jobs desk() {
    return desk;
  }
}
