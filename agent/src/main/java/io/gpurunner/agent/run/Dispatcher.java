package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.ledger.LedgerException;
import io.gpurunner.agent.log.RunLogs;
import io.gpurunner.api.DiskUse;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobRequest;
import io.gpurunner.gpu.GpuInventory;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.storage.ArtifactPlace;
import io.gpurunner.storage.JobVolumes;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hands GPUs to queued jobs: decides by {@link Placement}, commits the leases, and remembers why
 * the others wait. Thread-safe.
 */
public final class Dispatcher implements AutoCloseable {
  /** The longest time between two rounds. Devices change without notice. */
  private static final Duration ROUND_INTERVAL = Duration.ofSeconds(1);

  /**
   * After a decision, the dispatcher rests this many times as long as the decision took. A decision
   * takes longer the more jobs wait, and must leave the processor to those who submit jobs.
   */
  private static final int REST_TIMES = 19;

  private static final Logger log = LoggerFactory.getLogger(Dispatcher.class);

  private final JobLedger ledger;
  private final GpuInventory gpus;
  private final JobVolumes volumes;
  private final ArtifactPlace artifacts;
  private final StartGate gate;
  private final Clock clock;
  private final Duration gracePeriod;
  private final UserLimits limits;
  private final UserDisk users;

  /** Only rounds use it. */
  private final UserTurns turns = new UserTurns();

  private final BiFunction<List<Job>, Placement.Machine, Placement.Decision> placement;
  private final Rounds rounds = new Rounds("dispatcher", this::round, this::rest);
  private volatile Map<JobId, Placement.Waiting> waiting = Map.of();
  private volatile Map<JobId, Instant> latestStarts = Map.of();
  private volatile QueueCensus census = QueueCensus.EMPTY;
  private volatile Duration decided = Duration.ZERO;

  /**
   * @param artifacts the place of new artifacts
   * @param gracePeriod the grace period of a job that names none
   * @param limits what one user may have
   * @param users how much of the disk each user may have
   */
  public Dispatcher(
      JobLedger ledger,
      GpuInventory gpus,
      JobVolumes volumes,
      ArtifactPlace artifacts,
      StartGate gate,
      Clock clock,
      Duration gracePeriod,
      UserLimits limits,
      UserDisk users) {
    this(
        ledger,
        gpus,
        volumes,
        artifacts,
        gate,
        clock,
        gracePeriod,
        limits,
        users,
        Placement::decide);
  }

  /**
   * @param placement decides which queued jobs start
   */
  Dispatcher(
      JobLedger ledger,
      GpuInventory gpus,
      JobVolumes volumes,
      ArtifactPlace artifacts,
      StartGate gate,
      Clock clock,
      Duration gracePeriod,
      UserLimits limits,
      BiFunction<List<Job>, Placement.Machine, Placement.Decision> placement) {
    this(
        ledger,
        gpus,
        volumes,
        artifacts,
        gate,
        clock,
        gracePeriod,
        limits,
        UserDisk.UNLIMITED,
        placement);
  }

  private Dispatcher(
      JobLedger ledger,
      GpuInventory gpus,
      JobVolumes volumes,
      ArtifactPlace artifacts,
      StartGate gate,
      Clock clock,
      Duration gracePeriod,
      UserLimits limits,
      UserDisk users,
      BiFunction<List<Job>, Placement.Machine, Placement.Decision> placement) {
    this.users = users;
    this.gate = gate;
    this.clock = clock;
    this.gracePeriod = gracePeriod;
    this.limits = limits;
    this.placement = placement;
    this.artifacts = artifacts;
    this.ledger = ledger;
    this.gpus = gpus;
    this.volumes = volumes;
  }

  /** Starts the rounds. Called once. */
  public void start() {
    ledger.listen(this::heardOf);
    rounds.start();
  }

  private void heardOf(Job job) {
    switch (job.state()) {
      case JobState.Queued _, JobState.Uploading _, JobState.Final _ -> rounds.ring();
      // A job that was just placed, or goes on, frees nothing.
      case JobState.Placed _ -> {}
    }
  }

  /** Returns why a queued job waited in the last round. */
  Optional<Placement.Waiting> whyWaiting(JobId id) {
    return Optional.ofNullable(waiting.get(id));
  }

  /** Returns when a job that waited in the last round starts at the latest, if that is known. */
  Optional<Instant> latestStart(JobId id) {
    return Optional.ofNullable(latestStarts.get(id));
  }

  /** Returns how many jobs waited in the last round, and since when. Never blocks. */
  public QueueCensus census() {
    return census;
  }

  /** Makes one round. Called by the loop, and by tests instead of it. */
  Duration round() {
    long beganNanos = System.nanoTime();
    Optional<Placement.Decision> decision = decide();
    decided = Duration.ofNanos(System.nanoTime() - beganNanos);
    decision.ifPresent(
        made -> {
          made.starts().forEach(this::lease);
          made.turns().forEach(turns::had);
        });
    return ROUND_INTERVAL;
  }

  private Duration rest() {
    Duration rest = decided.multipliedBy(REST_TIMES);
    return rest.compareTo(ROUND_INTERVAL) < 0 ? rest : ROUND_INTERVAL;
  }

  private Optional<Placement.Decision> decide() {
    Map<Boolean, List<Job>> live =
        ledger.live().stream()
            .collect(Collectors.partitioningBy(job -> job.state() instanceof JobState.Queued));
    List<Job> queued = live.getOrDefault(true, List.of());
    if (queued.isEmpty()) {
      waiting = Map.of();
      latestStarts = Map.of();
      census = QueueCensus.EMPTY;
      return Optional.empty();
    }
    queued.forEach(turns::sees);
    // The devices are looked at after the jobs are read. A lease ends only after a look saw its
    // device free, so this look does not mistake the device for one that somebody else uses.
    GpuSnapshot look = gpus.snapshot();
    Placement.Machine machine =
        new Placement.Machine(
            look,
            live.getOrDefault(false, List.of()),
            space(volumes.freeBytes()),
            Placement.Closed.of(gate, look),
            clock.instant(),
            limits,
            turns);
    Placement.Decision decision = placement.apply(queued, machine);
    waiting = decision.waiting();
    latestStarts = LatestStarts.of(decision.order(), machine, decision.waiting(), gracePeriod);
    census = QueueCensus.of(census, queued, decision.waiting(), machine.now());
    return Optional.of(decision);
  }

  private DiskSpace space(long freeBytes) {
    return new DiskSpace(
        freeBytes, artifacts.isOnThisMachine(), RunLogs.MOST_BYTES_OF_A_RUN, users);
  }

  /** Returns what a user has on the disk, if that is limited. */
  Optional<DiskUse> diskOf(String user) {
    if (users.limitBytes().isEmpty()) {
      return Optional.empty();
    }
    DiskSpace space = space(0);
    long reserved =
        ledger.live().stream()
            .filter(job -> job.user().equals(user))
            .mapToLong(space::promisedTo)
            .sum();
    return Optional.of(
        new DiskUse(reserved, users.keptBytes(user), users.limitBytes().getAsLong()));
  }

  /** Returns the words for the user if a job needs more of the disk than a user may ever have. */
  Optional<String> neverFits(JobRequest request) {
    long need = space(0).need(request);
    return users.limitBytes().isPresent() && need > users.limitBytes().getAsLong()
        ? Optional.of(
            "the job needs "
                + need / RequestedVolumes.BYTES_PER_MEGABYTE
                + " MB of the disk, and a user may have "
                + users.limitBytes().getAsLong() / RequestedVolumes.BYTES_PER_MEGABYTE
                + " MB in all (limits.disk-per-user); ask for smaller volumes")
        : Optional.empty();
  }

  private void lease(Placement.Start start) {
    try {
      ledger.apply(start.job(), new JobEvent.Leased(start.gpus()));
      log.info(
          "{} QUEUED → PREPARING on {}",
          start.job().id(),
          start.gpus().isEmpty() ? "no GPU" : start.gpus());
    } catch (LedgerException e) {
      switch (e.kind()) {
        // The job was deleted meanwhile. The next round sees that.
        case STALE, ABSENT -> {}
        case LEASE_TAKEN, FILES_NOT_THERE, BUSY, CLOSED, FAILED, UNKNOWN ->
            log.error("{} could not be placed: {}", start.job().id(), e.getMessage());
      }
    }
  }

  @Override
  public void close() {
    rounds.close();
  }
}
