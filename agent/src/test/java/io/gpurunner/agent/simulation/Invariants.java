package io.gpurunner.agent.simulation;

import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.FailedRuns;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.run.RunParts;
import io.gpurunner.agent.simulation.JobTruth.Cause;
import io.gpurunner.api.JobDetail;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobPage;
import io.gpurunner.api.JobStatus;
import io.gpurunner.api.StopRule;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.storage.ObjectKey;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;

/**
 * What must hold whatever happens. It is checked at the moment of each event, and after each turn.
 * The first broken invariant ends the simulation. One thread.
 */
final class Invariants {
  /**
   * How long a container may run after it should have been stopped, grace period included, while
   * agent and engine are up.
   */
  private static final long OVERDUE_LIMIT = 30 * Timeline.SECOND + 3 * Timeline.MINUTE;

  /**
   * How long a lease may outlive the end of its container, whatever its devices do. The time is for
   * saving the output, for the devices to come free, and for calls that are slow or fail.
   */
  private static final long ENDED_LIMIT =
      Timeline.micros(RunParts.OUTPUT_LIMIT.plus(RunParts.RELEASE_LIMIT)) + Timeline.MINUTE;

  /**
   * How long a lease may outlive its container after a look would find its devices free. The job's
   * own calls and that look do not count. The time is for some pauses after commits, looks and
   * calls that failed. It is shorter than the wait for devices that do not come free, because here
   * the devices are free.
   */
  private static final long GONE_LIMIT =
      Timeline.micros(RunParts.RELEASE_LIMIT) - 15 * Timeline.SECOND;

  /**
   * How long an orphan may be there. Its grace of five minutes begins again with each life of the
   * agent.
   */
  private static final long ORPHANED_LIMIT = 30 * Timeline.MINUTE;

  private final Simulation simulation;
  private Optional<String> broken = Optional.empty();
  final QueueOrder queue;
  final StopTimes stops;
  final KeptFiles files;
  final Callbacks callbacks;

  /** The job that was created for each request that was sent with a key, by its name. */
  private final Map<String, JobId> jobOfName = new HashMap<>();

  private int requestsSent;
  private int requestsRefused;
  private long checkedAt;
  private boolean wasWatched;

  Invariants(Simulation simulation) {
    this.simulation = simulation;
    this.queue = new QueueOrder(simulation);
    this.stops = new StopTimes(simulation);
    this.files = new KeptFiles(simulation);
    this.callbacks = new Callbacks(simulation);
  }

  /** Returns what was broken first. */
  Optional<String> broken() {
    return broken;
  }

  void require(boolean holds, String what) {
    if (!holds && broken.isEmpty()) {
      broken = Optional.of(what);
      simulation.timeline.tell("BROKEN", what);
    }
  }

  // ---- users

  void sent() {
    requestsSent++;
  }

  void refused() {
    requestsRefused++;
  }

  void answered(JobId id) {
    JobTruth truth = simulation.truth(id);
    truth.answered = true;
    require(
        simulation.ledger.find(id).isPresent(),
        "job " + truth.name() + " was answered and is not recorded");
    require(truth.seen.isPresent(), "job " + truth.name() + " was answered before it was on disk");
  }

  /** A request with a key was answered. */
  void keyAnswered(String name, JobId id) {
    JobId before = jobOfName.putIfAbsent(name, id);
    require(
        before == null || before.equals(id),
        "the same key and body were answered " + before + " and then " + id);
  }

  private void requireOneJobAKey() {
    Map<String, Integer> jobs = new HashMap<>();
    simulation.ledger.names().forEach(name -> jobs.merge(name, 1, Integer::sum));
    jobOfName
        .keySet()
        .forEach(
            name ->
                require(
                    jobs.getOrDefault(name, 0) == 1,
                    "one key created " + jobs.get(name) + " jobs of " + name));
  }

  void told(JobId id, JobStatus status) {
    JobTruth truth = simulation.truth(id);
    if (simulation.timeline.isTold() && !truth.told.equals(Optional.of(status.phase()))) {
      simulation.timeline.tell("user", "is told that " + truth.name() + " is " + status.phase());
    }
    truth.told.ifPresent(
        before -> {
          boolean same = before == status.phase() || before == JobStatus.Phase.WORKING;
          boolean again = truth.uploadResumed && before == JobStatus.Phase.FAIL;
          require(same || again, truth.name() + " was " + before + " and is " + status.phase());
        });
    truth.told = Optional.of(status.phase());
    if (status.phase() == JobStatus.Phase.SUCCESS && status.url().isPresent()) {
      String path = status.url().get().getPath().substring(1);
      Map<String, String> objects = simulation.objects.getOrDefault(id.value(), Map.of());
      require(
          objects.containsKey(SimulatedStore.MANIFEST)
              && objects.containsKey(path.substring(path.indexOf('/') + 1)),
          truth.name() + " was announced at " + path + ", and the store holds " + objects.keySet());
    }
  }

  /**
   * A user got a list.
   *
   * @param before the user's jobs, as they were recorded when the user asked
   */
  void listed(List<Job> before, JobPage page) {
    Map<JobId, JobDetail> listed =
        page.content().stream().collect(Collectors.toMap(JobDetail::id, detail -> detail));
    require(page.totalElements() == listed.size(), "a list counts " + page.totalElements());
    for (Job job : before) {
      JobTruth truth = simulation.truth(job.id());
      Optional<JobDetail> detail = Optional.ofNullable(listed.get(job.id()));
      if (detail.isEmpty()) {
        require(simulation.ledger.find(job.id()).isEmpty(), "a list lacks " + truth.name());
      } else if (job.state() instanceof JobState.Final && !truth.uploadResumed) {
        require(
            detail.get().status().phase() != JobStatus.Phase.WORKING,
            "a list says that " + truth.name() + " works, which had ended");
      }
    }
  }

  void deletionAnswered(JobId id, String answer) {
    JobTruth truth = simulation.truth(id);
    boolean ended = answer.contains("had ended already");
    truth.deletionAnswered |= !ended;
    if (answer.equals("the job is deleted") && truth.starts.isEmpty()) {
      truth.deletedInQueue = true;
    }
  }

  // ---- the ledger

  /** The ledger was opened with these live jobs. */
  void opened(Collection<Job> live) {
    live.forEach(this::heard);
    for (JobTruth truth : simulation.truths()) {
      Optional<Job> job = simulation.ledger.find(truth.id);
      require(
          job.isPresent() || (!truth.answered && truth.seen.isEmpty()),
          truth.name() + " was lost with the agent");
      job.ifPresent(this::heard);
    }
    requireLeasesAgree();
  }

  private void requireLeasesAgree() {
    Map<GpuUuid, JobId> held = new HashMap<>();
    for (Job job : simulation.ledger.all()) {
      if (job.state() instanceof JobState.Placed placed) {
        placed.gpus().forEach(gpu -> held.put(gpu, job.id()));
      }
    }
    Map<GpuUuid, JobId> recorded = simulation.ledger.leases();
    require(recorded.equals(held), "leases are " + recorded + ", placed jobs hold " + held);
  }

  /** This version of a job is on disk. */
  void heard(Job job) {
    JobTruth truth = simulation.truth(job.id());
    if (truth.seen.filter(job::equals).isPresent()) {
      return;
    }
    if (simulation.timeline.isTold()) {
      simulation.timeline.tell(
          "ledger",
          truth.name()
              + " is "
              + job.state()
              + job.deletion().map(_ -> ", to be deleted").orElse(""));
    }
    Optional<JobState> before = truth.seen.map(Job::state);
    truth.seen.ifPresent(earlier -> moved(truth, earlier, job));
    truth.seen = Optional.of(job);
    noteAttempt(truth, job.state());
    noteFailure(truth, job.state());
    noteStop(truth, job);
    if (job.state() instanceof JobState.Final ended
        && !before.filter(JobState.Final.class::isInstance).isPresent()) {
      files.ended(truth, ended);
    }
    switch (job.state()) {
      case JobState.Succeeded succeeded -> succeeded(truth, job, succeeded);
      case JobState.Failed failed -> failed(truth, before, failed);
      case JobState.Deleted _ ->
          require(truth.deletionAsked, truth.name() + " is deleted, and nobody asked for it");
      case JobState.Live _ -> {}
    }
  }

  private void noteAttempt(JobTruth truth, JobState state) {
    switch (state) {
      case JobState.Queued queued -> truth.causes.moveTo(queued.attempt());
      case JobState.Placed placed -> truth.causes.moveTo(placed.attempt());
      case JobState.Uploading _, JobState.Final _ -> {}
    }
  }

  /**
   * A run that is retried must have met a fault that explains its failure. A run that failed while
   * it was to be deleted needs none: the signal of the stop may have ended it.
   */
  private void noteFailure(JobTruth truth, JobState state) {
    if (state instanceof JobState.Stopping stopping
        && stopping.ending() instanceof Ending.Broken broken) {
      truth.failures.put(stopping.attempt(), broken.reason());
    } else if (state instanceof JobState.Queued queued && queued.attempt() > 1) {
      requireCauseOfRun(truth, queued.attempt() - 1);
    }
  }

  private void noteStop(JobTruth truth, Job job) {
    boolean stops =
        job.state() instanceof JobState.Stopping
            || (job.state() instanceof JobState.Placed && job.deletion().isPresent());
    if (!stops) {
      truth.stopRecorded = OptionalLong.empty();
    } else if (truth.stopRecorded.isEmpty()) {
      truth.stopRecorded = OptionalLong.of(simulation.timeline.now());
    }
  }

  private void moved(JobTruth truth, Job before, Job after) {
    require(
        after.version() > before.version(),
        truth.name() + " went back from version " + before.version() + " to " + after.version());
    if (before.state() instanceof JobState.Final && !before.state().equals(after.state())) {
      boolean resumed =
          before.state() instanceof JobState.Failed failed
              && failed.uploadable()
              && truth.uploadResumed;
      require(
          resumed, truth.name() + " had ended as " + before.state() + " and is " + after.state());
    }
    if (before.state() instanceof JobState.Stopping earlier
        && earlier.killAt().isEmpty()
        && after.state() instanceof JobState.Stopping stopping) {
      stopping.killAt().ifPresent(killAt -> stops.killRecorded(truth, after, stopping, killAt));
    }
    if (before.state() instanceof JobState.Queued
        && after.state() instanceof JobState.Preparing preparing) {
      queue.leased(truth.id, preparing.gpus());
    }
    if (before.files() == JobFiles.KEPT && after.files() != JobFiles.KEPT) {
      files.givenUp(truth);
    }
    if (before.state() instanceof JobState.Failed && after.state() instanceof JobState.Uploading) {
      truth.causes.forget(Cause.STORE);
    }
    if (after.state() instanceof JobState.Queued queued) {
      require(
          queued.attempt() <= after.request().retries() + 1,
          truth.name()
              + " is queued for run "
              + queued.attempt()
              + ", with "
              + after.request().retries()
              + " retries");
    }
    boolean hadLease = before.state() instanceof JobState.Placed;
    if (hadLease && !(after.state() instanceof JobState.Placed)) {
      for (Box box : simulation.machine.boxes.values()) {
        require(
            !box.name.job().equals(truth.id) || box.foreign || box.stage == Box.Stage.CREATED,
            "the lease of " + truth.name() + " was released, and its container is " + box.stage);
      }
      require(
          simulation.machine.alive().stream().noneMatch(box -> box.name.job().equals(truth.id)),
          "the lease of " + truth.name() + " was released, and it runs");
    }
    if (before.deletion().isPresent()) {
      require(after.deletion().isPresent(), truth.name() + " forgot that it is to be deleted");
    }
  }

  private void succeeded(JobTruth truth, Job job, JobState.Succeeded state) {
    // If the clock was set before an end and again after it, and nobody looked in between, the time
    // of that end is lost. A start that is seen only after the clock was set has a wrong time.
    boolean timeIsLost = truth.clockSetInRun && truth.clockSetAfterEnd;
    // The engine's times are converted by whole seconds.
    long rounded = simulation.timeline.clockWasSet() ? Timeline.SECOND : 0;
    boolean timeWasUp =
        limitOf(truth)
            .filter(
                limit -> truth.longestRun + truth.clockSetUnseen + rounded >= limit || timeIsLost)
            .isPresent();
    require(
        truth.completed || timeWasUp,
        truth.name() + " succeeded, and none of its containers ended well");
    require(job.deletion().isEmpty(), truth.name() + " succeeded, and it was to be deleted");
    Map<String, String> objects = simulation.objects.getOrDefault(truth.id.value(), Map.of());
    if (job.files() != JobFiles.KEPT && simulation.artifactsHere) {
      return; // retention removes them
    }
    require(
        state.artifact().equals(ModelFiles.artifact(truth.modelFiles)),
        truth.name()
            + " left "
            + truth.modelFiles
            + " files and is published as "
            + state.artifact());
    require(
        objects.containsKey(SimulatedStore.MANIFEST)
            && state.artifact().map(objects::containsKey).orElse(true),
        truth.name() + " succeeded, and the store holds " + objects.keySet());
  }

  private void failed(JobTruth truth, Optional<JobState> before, JobState.Failed state) {
    if (before.isPresent() && before.get().equals(state)) {
      return; // another change of the job; the state was judged when the job failed
    }
    if (before.isPresent() && before.get() instanceof JobState.Stopping stopping) {
      requireCauseOfRun(truth, stopping.attempt());
      int retries = truth.seen.map(job -> job.request().retries()).orElse(0);
      boolean again =
          (stopping.ending() instanceof Ending.Broken broken && broken.retryable())
              || truth.causes.allowRetry();
      require(
          stopping.attempt() > retries || !again,
          truth.name()
              + " failed at run "
              + stopping.attempt()
              + " and had "
              + retries
              + " retries: "
              + state.reason());
      requireAllRunsNamed(truth, state);
    } else {
      requireCause(truth, truth.causes.attempt(), state.reason());
    }
    if (before.isPresent()
        && before.get() instanceof JobState.Uploading uploading
        && state.uploadable()) {
      require(
          !state.finishedAt().isBefore(uploading.giveUpAt()),
          "the upload of " + truth.name() + " was given up before its time: " + state.reason());
    }
  }

  private void requireCauseOfRun(JobTruth truth, int attempt) {
    String reason = truth.failures.get(attempt);
    require(reason != null, truth.name() + " had no failed run " + attempt);
    requireCause(truth, attempt, String.valueOf(reason));
  }

  private void requireCause(JobTruth truth, int attempt, String reason) {
    require(
        truth.causes.explain(attempt, reason),
        truth.name()
            + " failed, and nothing was wrong with it: "
            + reason
            + "; it met "
            + truth.causes);
  }

  /** The reason of a job whose last run failed names the reason of each of its runs. */
  private void requireAllRunsNamed(JobTruth truth, JobState.Failed state) {
    List<FailedRuns.Run> runs =
        truth.failures.entrySet().stream()
            .map(failure -> new FailedRuns.Run(failure.getKey(), failure.getValue()))
            .toList();
    String all = FailedRuns.reason(runs.getLast(), runs.subList(0, runs.size() - 1));
    require(
        runs.size() == truth.causes.attempt() && state.reason().equals(all),
        truth.name()
            + " failed for the reason '"
            + state.reason()
            + "', which does not name its runs: "
            + truth.failures);
  }

  /** Something is done for a job. All earlier decisions of its loop must be settled. */
  void decided(String job, String what) {
    simulation
        .agent()
        .flatMap(SimulatedAgent::acting)
        .filter(truth -> truth.id.value().equals(job))
        .ifPresent(
            truth ->
                require(
                    truth.undecided.map(BooleanSupplier::getAsBoolean).orElse(true),
                    truth.name() + " " + what + ", and whether that was decided is not known"));
  }

  // ---- containers

  /**
   * @param late whether the engine created it after the agent had given the call up
   */
  void created(Box box, boolean late) {
    JobTruth truth = simulation.truth(box.name.job());
    Optional<JobState> state = truth.seen.map(Job::state);
    boolean meant =
        state.isPresent()
            && state.get() instanceof JobState.Starting starting
            && starting.attempt() == box.name.attempt();
    require(
        meant || late,
        "container " + Machine.nameOf(box.name) + " was created, and the ledger says " + state);
  }

  /** The agent discards a container because it belongs to no job. */
  void discarded(Box box) {
    Optional<JobState> state = simulation.truth(box.name.job()).seen.map(Job::state);
    boolean needed =
        !box.foreign
            && state.isPresent()
            && state.get() instanceof JobState.Placed placed
            && placed.attempt() == box.name.attempt()
            && !(placed instanceof JobState.Stopping stopping && stopping.goneAt().isPresent());
    require(
        !needed, Machine.nameOf(box.name) + " was taken for an orphan, and its job is " + state);
  }

  void started(Box box) {
    JobTruth truth = simulation.truth(box.name.job());
    String name = Machine.nameOf(box.name);
    require(truth.starts.getOrDefault(box.name.attempt(), 0) == 1, name + " was started twice");
    require(!truth.deletedInQueue, name + " was started, and it was deleted in the queue");
    Optional<JobState> state = truth.seen.map(Job::state);
    if (state.isPresent()
        && state.get() instanceof JobState.Placed placed
        && placed.attempt() == box.name.attempt()) {
      List<String> leased = placed.gpus().stream().map(GpuUuid::value).toList();
      require(leased.equals(box.gpus()), name + " got " + box.gpus() + ", leased are " + leased);
      require(
          box.name.attempt() <= truth.seen.get().request().retries() + 1,
          name + " is more than the retries asked for");
    } else {
      require(false, name + " was started, and the ledger says " + state);
    }
    for (Box other : simulation.machine.alive()) {
      if (other != box) {
        require(
            other.foreign || !other.name.job().equals(truth.id),
            name + " was started while " + Machine.nameOf(other.name) + " runs");
        for (String gpu : box.gpus()) {
          require(
              !other.gpus().contains(gpu),
              gpu + " was given to " + name + " while " + Machine.nameOf(other.name) + " uses it");
        }
      }
    }
    for (Machine.Device device : simulation.machine.devices) {
      require(
          !box.gpus().contains(device.uuid) || device.occupiedUntil <= simulation.timeline.now(),
          device.uuid + " was given to " + name + " while processes of another are on it");
    }
  }

  /** Returns the microseconds that a job may run. It is empty if the job has no stop time. */
  Optional<Long> limitOf(JobTruth truth) {
    return truth.seen.flatMap(
        job ->
            switch (job.request().stopRule()) {
              case StopRule.NaturalEnd _ -> Optional.empty();
              case StopRule.After after -> Optional.of(Timeline.micros(after.limit()));
            });
  }

  // ---- store

  void put(ObjectKey key, String text, Map<String, String> objects) {
    String job = key.folder().name().substring(2, 10);
    if (key.file().equals(SimulatedStore.MANIFEST)) {
      int at = text.indexOf("\"artifact\":\"");
      if (at >= 0) {
        int from = at + "\"artifact\":\"".length();
        String file = text.substring(from, text.indexOf('"', from));
        require(objects.containsKey(file), "the manifest of " + job + " was put before " + file);
      }
    } else {
      require(
          !objects.containsKey(SimulatedStore.MANIFEST),
          key.file() + " of " + job + " was put beside a manifest");
    }
  }

  // ---- after each turn

  void afterTurn() {
    long now = simulation.timeline.now();
    long passed = now - checkedAt;
    checkedAt = now;
    Machine machine = simulation.machine;
    boolean watched =
        simulation.agent().filter(SimulatedAgent::isWatching).isPresent() && machine.engineUp;
    // Time counts only if it was watched at its beginning and at its end.
    long counts = watched && wasWatched ? passed : 0;
    wasWatched = watched;
    for (JobTruth truth : simulation.truths()) {
      requireReleased(truth, watched && !machine.diskFails, passed);
    }
    stops.look();
    if (simulation.isCalm()) {
      files.look(watched, passed);
    }
    if (machine.boxes.isEmpty() && machine.strays.isEmpty()) {
      return;
    }
    for (Box box : machine.alive()) {
      if (!box.foreign) {
        requireLease(box);
        machine.noteRun(box);
        // While a call for this job hangs, its stop cannot go on. Calls for others do not delay it.
        boolean hangs = simulation.truth(box.name.job()).hanging > 0;
        requireStopped(box, hangs ? 0 : counts);
      }
    }
    for (Box box : machine.boxes.values()) {
      requireReaped(box, counts);
    }
  }

  private void requireLease(Box box) {
    JobTruth truth = simulation.truth(box.name.job());
    require(
        truth.seen.map(Job::state).filter(JobState.Placed.class::isInstance).isPresent(),
        Machine.nameOf(box.name) + " runs, and its job is " + truth.seen.map(Job::state));
  }

  private void requireStopped(Box box, long watched) {
    JobTruth truth = simulation.truth(box.name.job());
    long ran = simulation.timeline.now() - box.startedAtMicros;
    boolean timeIsUp =
        limitOf(truth).filter(limit -> ran > limit + truth.clockSetUnseen).isPresent();
    boolean stopping =
        truth.seen.filter(job -> job.deletion().isPresent()).isPresent()
            || truth.seen.map(Job::state).filter(JobState.Stopping.class::isInstance).isPresent();
    if (timeIsUp || stopping) {
      box.overdue += watched;
      require(
          box.overdue <= OVERDUE_LIMIT,
          Machine.nameOf(box.name)
              + " still runs "
              + box.overdue / Timeline.SECOND
              + " s after it was to be stopped");
    }
  }

  /**
   * Checks that GPUs come free when the container is gone: not before, and not much later.
   *
   * @param watched whether agent and engine are up, and the ledger can be written
   */
  private void requireReleased(JobTruth truth, boolean watched, long passed) {
    Machine machine = simulation.machine;
    Optional<JobState.Stopping> stopping =
        truth
            .seen
            .map(Job::state)
            .filter(JobState.Stopping.class::isInstance)
            .map(JobState.Stopping.class::cast);
    if (stopping.isEmpty() || machine.runs(truth.id)) {
      truth.ended.forget();
      truth.gone.forget();
      return;
    }
    boolean ended = watched && truth.hanging == 0;
    truth.ended.pass(ended, passed);
    if (machine.hasContainer(truth.id)) {
      truth.gone.forget();
    } else {
      boolean waits = simulation.agent().filter(agent -> agent.isIdle(truth.id)).isPresent();
      truth.gone.pass(ended && waits && machine.isSeenFree(stopping.get().gpus()), passed);
    }
    require(
        truth.gone.sum() <= GONE_LIMIT,
        truth.name()
            + " still holds its lease "
            + truth.gone.sum() / Timeline.SECOND
            + " s after its container was gone and its devices free");
    require(
        truth.ended.sum() <= ENDED_LIMIT,
        truth.name()
            + " still holds its lease "
            + truth.ended.sum() / Timeline.SECOND
            + " s after its container ended");
  }

  private void requireReaped(Box box, long watched) {
    Optional<JobState> state = simulation.truth(box.name.job()).seen.map(Job::state);
    boolean belongs =
        !box.foreign
            && state.isPresent()
            && state.get() instanceof JobState.Placed placed
            && placed.attempt() == box.name.attempt();
    if (belongs) {
      box.orphaned = 0;
    } else {
      box.orphaned += watched;
      require(
          box.orphaned <= ORPHANED_LIMIT,
          Machine.nameOf(box.name)
              + " belongs to no job and is there for "
              + box.orphaned / Timeline.SECOND
              + " s");
    }
  }

  // ---- at the end

  /** Called long after the last fault. */
  void settled() {
    List<Job> jobs = simulation.ledger.all();
    for (Job job : jobs) {
      heard(job);
      JobTruth truth = simulation.truth(job.id());
      require(
          job.state() instanceof JobState.Final, truth.name() + " does not end: " + job.state());
      if (truth.deletionAnswered) {
        require(
            job.state() instanceof JobState.Deleted || truth.uploadResumed,
            truth.name() + " was to be deleted and ended as " + job.state());
      }
    }
    for (JobTruth truth : simulation.truths()) {
      require(
          !truth.answered || jobs.stream().anyMatch(job -> job.id().equals(truth.id)),
          truth.name() + " was lost");
    }
    require(
        jobs.size() <= requestsSent - requestsRefused,
        jobs.size()
            + " jobs are recorded, "
            + requestsSent
            + " were asked for and "
            + requestsRefused
            + " refused");
    requireLeasesAgree();
    require(simulation.ledger.leases().isEmpty(), "leases are left: " + simulation.ledger.leases());
    require(
        simulation.machine.boxes.isEmpty(),
        "containers are left: " + simulation.machine.boxes.keySet());
    callbacks.settled(jobs);
    requireOneJobAKey();
  }
}
