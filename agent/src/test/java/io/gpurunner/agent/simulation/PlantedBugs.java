package io.gpurunner.agent.simulation;

import io.gpurunner.agent.callback.CallbackBody;
import io.gpurunner.agent.callback.CallbackDelivery;
import io.gpurunner.agent.callback.CallbackResult;
import io.gpurunner.agent.callback.CallbackSender;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.ContainerRoot;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.EngineProbe;
import io.gpurunner.agent.container.LabelledContainer;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.container.StopRequest;
import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.disk.Change;
import io.gpurunner.agent.ledger.disk.IndexView;
import io.gpurunner.agent.ledger.disk.LedgerStore;
import io.gpurunner.agent.run.RunParts;
import io.gpurunner.agent.run.StepOutcome;
import io.gpurunner.api.Caller;
import io.gpurunner.api.DiskUse;
import io.gpurunner.api.JobArtifacts;
import io.gpurunner.api.JobDetail;
import io.gpurunner.api.JobFilter;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobPage;
import io.gpurunner.api.JobRequest;
import io.gpurunner.api.JobStatus;
import io.gpurunner.api.Jobs;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuInventory;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.storage.ArtifactContent;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.Cancellation;
import io.gpurunner.storage.DecoratedStore;
import io.gpurunner.storage.JobVolumes;
import io.gpurunner.storage.ObjectKey;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;

/** Bugs that the simulation must find. */
enum PlantedBugs implements Plant {
  /** The lease ends as soon as SIGTERM is sent. */
  LEASE_RELEASED_EARLY("was released, and its container is RUNNING") {
    @Override
    public Function<Job, StepOutcome> steps(
        Function<Job, StepOutcome> steps, Simulation simulation, RunParts.Machine machine) {
      return job ->
          job.state() instanceof JobState.Stopping stopping
                  && stopping.killAt().isPresent()
                  && stopping.goneAt().isEmpty()
              ? new StepOutcome.Advance(new JobEvent.ContainerGone(simulation.machine.agentTime()))
              : steps.apply(job);
    }
  },

  /** The agent does not look whether the devices are free, and always waits as long as it may. */
  LEASE_RELEASED_LATE("after its container was gone and its devices free") {
    @Override
    public Function<Job, StepOutcome> steps(
        Function<Job, StepOutcome> steps, Simulation simulation, RunParts.Machine machine) {
      return job -> {
        Optional<Instant> release =
            job.state() instanceof JobState.Stopping stopping
                ? stopping.goneAt().map(gone -> gone.plus(RunParts.RELEASE_LIMIT))
                : Optional.empty();
        return release.filter(simulation.machine.agentTime()::isBefore).isPresent()
            ? new StepOutcome.Wait(release.get(), Optional.empty())
            : steps.apply(job);
      };
    }
  },

  /** A container that ended by itself is not removed for ten minutes. */
  CONTAINER_REMOVED_LATE("after its container ended") {
    @Override
    public Function<Job, StepOutcome> steps(
        Function<Job, StepOutcome> steps, Simulation simulation, RunParts.Machine machine) {
      return job -> {
        Optional<Instant> removal =
            job.state() instanceof JobState.Stopping stopping
                    && stopping.ending() instanceof Ending.Completed
                ? Optional.of(stopping.since().plus(Duration.ofMinutes(10)))
                : Optional.empty();
        return removal.filter(simulation.machine.agentTime()::isBefore).isPresent()
            ? new StepOutcome.Wait(removal.get(), Optional.empty())
            : steps.apply(job);
      };
    }
  },

  /** A job's files are published without being synced. */
  FILES_NOT_SYNCED("files and is published as") {
    @Override
    public Function<Job, StepOutcome> steps(
        Function<Job, StepOutcome> steps, Simulation simulation, RunParts.Machine machine) {
      return job ->
          job.state() instanceof JobState.Uploading uploading
                  && uploading.unsyncedUnder().isPresent()
                  && job.deletion().isEmpty()
              ? new StepOutcome.Advance(new JobEvent.Synced())
              : steps.apply(job);
    }
  },

  /** The upload is announced before the manifest is written. */
  ANNOUNCED_BEFORE_THE_MANIFEST("succeeded, and the store holds") {
    @Override
    public ArtifactStore store(SimulatedStore store, Simulation simulation) {
      return new LazyManifests(store, simulation);
    }
  },

  /** A create is answered though its record is not synced. */
  CREATED_WITHOUT_RECORD("was lost with the agent") {
    @Override
    public boolean syncs(Simulation simulation) {
      return simulation.dice.percent(90);
    }
  },

  /** The oldest segment of the journal is dropped although no second snapshot holds it. */
  SEGMENT_DROPPED_TOO_EARLY("a ledger in memory fails") {
    @Override
    public LedgerStore ledger(LedgerStore store, Simulation simulation) {
      return new DecoratedLedger(store) {
        @Override
        public void publish(Collection<Change> changes) {
          super.publish(changes);
          if (simulation.dice.percent(5)) {
            simulation.ledger.dropOldestSegment();
          }
        }
      };
    }
  },

  /** The index gets the changes of a group again, after those of the next group. */
  GROUP_APPLIED_AGAIN("which had ended") {
    @Override
    public LedgerStore ledger(LedgerStore store, Simulation simulation) {
      return new DecoratedLedger(store) {
        private Collection<Change> before = List.of();

        @Override
        public void publish(Collection<Change> changes) {
          super.publish(changes);
          super.publish(before);
          before = changes;
        }
      };
    }
  },

  /** A query does not wait until the index has what was answered. */
  QUERY_MISSES_AN_ANSWER("a list lacks") {
    @Override
    public LedgerStore ledger(LedgerStore store, Simulation simulation) {
      return new DecoratedLedger(store) {
        @Override
        public <T> T read(Function<IndexView, T> query) throws IOException {
          awaitIndex();
          return super.readBehind(query);
        }
      };
    }
  },

  /** The container is created before the ledger says that it will be. */
  CONTAINER_WITHOUT_INTENT("was created, and the ledger says Optional[Pulling") {
    @Override
    public Function<Job, StepOutcome> steps(
        Function<Job, StepOutcome> steps, Simulation simulation, RunParts.Machine machine) {
      return job -> {
        StepOutcome outcome = steps.apply(job);
        if (outcome instanceof StepOutcome.Advance(JobEvent.Pulled _)
            && job.state() instanceof JobState.Pulling pulling) {
          ContainerName name = new ContainerName(job.id(), pulling.attempt());
          machine.containers().create(machine.specs().specFor(job, name, pulling.gpus()));
        }
        return outcome;
      };
    }
  },

  /** A container that is gone is created and started again. */
  RUN_TWICE("was created, and the ledger says Optional[Running") {
    @Override
    public Function<Job, StepOutcome> steps(
        Function<Job, StepOutcome> steps, Simulation simulation, RunParts.Machine machine) {
      return job -> {
        StepOutcome outcome = steps.apply(job);
        if (outcome instanceof StepOutcome.Advance(JobEvent.RunEnded(Ending.Broken broken, _))
            && broken.reason().contains("removed from outside")
            && job.state() instanceof JobState.Placed placed) {
          ContainerName name = new ContainerName(job.id(), placed.attempt());
          machine.containers().create(machine.specs().specFor(job, name, placed.gpus()));
          machine.containers().start(ContainerRef.unrecorded(name));
        }
        return outcome;
      };
    }
  },

  /** Reboots are not noticed, so that exit code 0 after a reboot counts as a success. */
  REBOOTS_UNNOTICED("succeeded, and none of its containers ended well") {
    @Override
    public String bootId(String bootId) {
      return "boot-0";
    }
  },

  /** A success is reported while the artifacts are being uploaded. */
  CALLBACK_TOO_EARLY("is reported, and it is Optional[Uploading") {
    @Override
    public Function<Job, StepOutcome> steps(
        Function<Job, StepOutcome> steps, Simulation simulation, RunParts.Machine machine) {
      return job -> {
        if (job.state() instanceof JobState.Uploading) {
          job.request()
              .callbackUrl()
              .ifPresent(
                  url ->
                      machine
                          .sender()
                          .send(
                              new CallbackDelivery(
                                  "early-" + job.id(),
                                  Optional.of(job.user()),
                                  url,
                                  CallbackBody.of(job.id().value(), true, Optional.empty()))));
        }
        return steps.apply(job);
      };
    }
  },

  /** Each try of a callback has a delivery id of its own. */
  DELIVERY_IDS_ANEW("ended once and has two delivery ids") {
    @Override
    public CallbackSender sender(SimulatedReceiver receiver, Simulation simulation) {
      return delivery ->
          receiver.send(
              new CallbackDelivery(
                  delivery.deliveryId() + simulation.timeline.now(),
                  delivery.user(),
                  delivery.url(),
                  delivery.body()));
    }
  },

  /** Each list of the containers takes them all for orphans. */
  LIVE_CONTAINERS_REAPED("was taken for an orphan") {
    @Override
    public ContainerRuntime engine(SimulatedEngine engine, Simulation simulation) {
      return new DecoratedEngine(engine) {
        @Override
        public List<LabelledContainer> list() {
          List<LabelledContainer> all = super.list();
          all.forEach(this::discard);
          return all;
        }
      };
    }
  },

  /** SIGTERM is not followed by SIGKILL. */
  NEVER_KILLED("after it was to be stopped") {
    @Override
    public ContainerRuntime engine(SimulatedEngine engine, Simulation simulation) {
      return new DecoratedEngine(engine) {
        @Override
        public void kill(ContainerRef container) {
          // The bug.
        }
      };
    }
  },

  /** The agent believes what a restarted engine says of earlier starts. */
  LOST_STARTS_UNNOTICED("was started twice") {
    @Override
    public boolean looksBeforeStart() {
      return false;
    }

    @Override
    public ContainerRuntime engine(SimulatedEngine engine, Simulation simulation) {
      return new DecoratedEngine(engine) {
        @Override
        public Optional<Observation> inspect(ContainerRef container) {
          return super.inspect(container)
              .map(
                  seen ->
                      seen instanceof Observation.Doubtful(String id, boolean _)
                          ? new Observation.Created(id)
                          : seen);
        }
      };
    }
  },

  /** Idempotency keys are ignored. */
  KEYS_IGNORED("the same key and body were answered") {
    @Override
    public Jobs desk(Jobs desk, Simulation simulation) {
      return new DecoratedJobs(desk) {
        @Override
        public Optional<JobId> createdBefore(Caller caller, String key, String source) {
          return Optional.empty();
        }

        @Override
        public JobId create(
            Caller caller, JobRequest request, String source, Optional<String> key) {
          return super.create(caller, request, source, Optional.empty());
        }
      };
    }
  },

  /** The last retry is not used. */
  RETRY_UNUSED("retries: ") {
    @Override
    public Function<Job, StepOutcome> steps(
        Function<Job, StepOutcome> steps, Simulation simulation, RunParts.Machine machine) {
      return releasing(steps, (job, attempt) -> attempt < job.request().retries());
    }
  },

  /** A job runs once more than it has retries. */
  RETRY_TOO_MANY("is queued for run") {
    @Override
    public Function<Job, StepOutcome> steps(
        Function<Job, StepOutcome> steps, Simulation simulation, RunParts.Machine machine) {
      return releasing(steps, (job, attempt) -> attempt <= job.request().retries() + 1);
    }
  },

  /** The reason of a retried job lacks the reasons of its earlier runs. */
  EARLIER_RUNS_UNNAMED("which does not name its runs") {
    @Override
    public Function<Job, StepOutcome> steps(
        Function<Job, StepOutcome> steps, Simulation simulation, RunParts.Machine machine) {
      return job ->
          switch (steps.apply(job)) {
            case StepOutcome.Advance(JobEvent.GpusReleased released) ->
                new StepOutcome.Advance(
                    new JobEvent.GpusReleased(
                        released.at(),
                        released.uploadUntil(),
                        released.retry(),
                        released.stillBusy(),
                        List.of(),
                        List.of()));
            case StepOutcome outcome -> outcome;
          };
    }
  },

  /** Retention removes files at half the time. */
  FILES_REMOVED_EARLY("they are to be kept for") {
    @Override
    public Duration keepFor(Duration keepFor) {
      return keepFor.dividedBy(2);
    }
  },

  /** Retention removes files much too late. */
  FILES_REMOVED_LATE("after they were to be removed") {
    @Override
    public Duration keepFor(Duration keepFor) {
      return keepFor.multipliedBy(6);
    }
  },

  /** Retention removes files although a waiting job needs them. */
  RESUMED_FILES_REMOVED("needs them") {
    @Override
    public Predicate<JobId> givingUp(Predicate<JobId> givingUp) {
      return id -> {
        boolean _ = givingUp.test(id);
        return true;
      };
    }
  },

  /** A container is started although the outcome of an earlier decision is not known. */
  STARTED_UNCONFIRMED("has its container started, and whether that was decided is not known") {
    @Override
    public Function<Job, StepOutcome> steps(
        Function<Job, StepOutcome> steps, Simulation simulation, RunParts.Machine machine) {
      return job ->
          job.state() instanceof JobState.Starting starting && starting.containerId().isPresent()
              ? startAtOnce(
                  new ContainerRef(
                      new ContainerName(job.id(), starting.attempt()), starting.containerId()),
                  machine,
                  simulation)
              : steps.apply(job);
    }
  },

  /** A running job is looked at every ten seconds, even if its stop time comes earlier. */
  STOPPED_LATE("and its loop slept on") {
    @Override
    public Function<Job, StepOutcome> steps(
        Function<Job, StepOutcome> steps, Simulation simulation, RunParts.Machine machine) {
      return job ->
          switch (steps.apply(job)) {
            case StepOutcome.Wait wait when job.state() instanceof JobState.Running ->
                new StepOutcome.Wait(
                    simulation.machine.agentTime().plusSeconds(10), wait.missing());
            case StepOutcome outcome -> outcome;
          };
    }
  },

  /** A job is stopped some seconds before its time. */
  STOPPED_EARLY("and its time was not up") {
    @Override
    public Function<Job, StepOutcome> steps(
        Function<Job, StepOutcome> steps, Simulation simulation, RunParts.Machine machine) {
      return job ->
          job.state() instanceof JobState.Running running
                  && running
                      .deadline()
                      .filter(at -> simulation.machine.agentTime().isAfter(at.minusSeconds(5)))
                      .isPresent()
              ? new StepOutcome.Advance(
                  new JobEvent.RunEnded(new Ending.TimeUp(), simulation.machine.agentTime()))
              : steps.apply(job);
    }
  },

  /** A job's own grace period is ignored. */
  GRACE_IGNORED("without its grace period") {
    @Override
    public Function<Job, StepOutcome> steps(
        Function<Job, StepOutcome> steps, Simulation simulation, RunParts.Machine machine) {
      return job ->
          switch (steps.apply(job)) {
            case StepOutcome.Advance(JobEvent.StopSignalled(Instant _, String what)) ->
                new StepOutcome.Advance(
                    new JobEvent.StopSignalled(
                        simulation.machine.agentTime().plus(StopTimes.GRACE), what));
            case StepOutcome outcome -> outcome;
          };
    }
  },

  /** The grace period is five seconds too long. */
  KILLED_LATE("its grace period ends before") {
    @Override
    public Function<Job, StepOutcome> steps(
        Function<Job, StepOutcome> steps, Simulation simulation, RunParts.Machine machine) {
      return job ->
          switch (steps.apply(job)) {
            case StepOutcome.Advance(JobEvent.StopSignalled(Instant killAt, String what)) ->
                new StepOutcome.Advance(new JobEvent.StopSignalled(killAt.plusSeconds(5), what));
            case StepOutcome outcome -> outcome;
          };
    }
  },

  /** The first job of the queue is passed over if others wait behind it. */
  HEAD_PASSED_OVER("is ahead of it and could start") {
    @Override
    public List<Job> queue(List<Job> queued, Simulation simulation) {
      return queued.size() < 2 ? queued : QueueOrder.sorted(queued).subList(1, queued.size());
    }
  },

  /** Jobs for several GPUs give way to all others, so that they starve. */
  LARGE_JOBS_STARVE("which waits for devices that jobs hold") {
    @Override
    public List<Job> queue(List<Job> queued, Simulation simulation) {
      List<Job> small = queued.stream().filter(job -> job.request().gpuNumber() < 2).toList();
      return small.isEmpty() ? queued : small;
    }
  },

  /** One user's jobs go before those of all others, so that users take no turns. */
  ONE_USER_HOGS("is ahead of it and could start") {
    @Override
    public List<Job> queue(List<Job> queued, Simulation simulation) {
      Optional<String> first = queued.stream().map(Job::user).min(String::compareTo);
      return queued.stream().filter(job -> first.filter(job.user()::equals).isPresent()).toList();
    }
  },

  /** No job starts before the first of the queue, whatever that one waits for. */
  ALL_WAIT_FOR_THE_HEAD("waits for nothing") {
    @Override
    public List<Job> queue(List<Job> queued, Simulation simulation) {
      return QueueOrder.sorted(queued).subList(0, Math.min(1, queued.size()));
    }
  },

  /** The queue does not see the processes of others on a device. */
  FOREIGN_PROCESSES_UNSEEN("was placed on") {
    @Override
    public GpuInventory gpus(GpuInventory gpus) {
      return new BlindGpus(gpus);
    }
  },

  /** The queue does not see how little room the disk has. */
  FULL_DISK_UNSEEN("and the disk has only") {
    @Override
    public JobVolumes volumes(Simulation simulation, Port port) {
      return new SimulatedVolumes(simulation, port) {
        @Override
        public long freeBytes() {
          return Long.MAX_VALUE / 2;
        }
      };
    }
  },

  /** A fault of the engine is taken for a fault of the image. */
  FAULT_OF_OTHERS("failed, and nothing was wrong with it: image") {
    @Override
    public Function<Job, StepOutcome> steps(
        Function<Job, StepOutcome> steps, Simulation simulation, RunParts.Machine machine) {
      return job -> {
        StepOutcome outcome = steps.apply(job);
        return job.state() instanceof JobState.Pulling
                && outcome instanceof StepOutcome.Wait wait
                && wait.missing().isPresent()
            ? new StepOutcome.Advance(
                new JobEvent.RunEnded(
                    new Ending.Broken("image busybox could not be pulled", false),
                    simulation.machine.agentTime()))
            : outcome;
      };
    }
  },

  /** An upload is tried once. */
  UPLOAD_TRIED_ONCE("was given up before its time") {
    @Override
    public Function<Job, StepOutcome> steps(
        Function<Job, StepOutcome> steps, Simulation simulation, RunParts.Machine machine) {
      return job ->
          switch (steps.apply(job)) {
            case StepOutcome.Advance(JobEvent.UploadPostponed postponed)
                when job.state() instanceof JobState.Uploading uploading
                    && uploading.unsyncedUnder().isEmpty() ->
                new StepOutcome.Advance(
                    new JobEvent.UploadGivenUp(
                        simulation.machine.agentTime(),
                        "artifacts could not be uploaded: " + postponed.reason()));
            case StepOutcome outcome -> outcome;
          };
    }
  },

  /** All callbacks go to the URL of the first. */
  CALLBACK_TO_ANOTHER("is reported to") {
    @Override
    public CallbackSender sender(SimulatedReceiver receiver, Simulation simulation) {
      List<URI> first = new ArrayList<>();
      return delivery -> {
        first.add(delivery.url());
        return receiver.send(
            new CallbackDelivery(
                delivery.deliveryId(), delivery.user(), first.getFirst(), delivery.body()));
      };
    }
  },

  /** A success is reported without its artifact. */
  CALLBACK_WITHOUT_ARTIFACT("its artifact is") {
    @Override
    public CallbackSender sender(SimulatedReceiver receiver, Simulation simulation) {
      return delivery ->
          receiver.send(
              new CallbackDelivery(
                  delivery.deliveryId(),
                  delivery.user(),
                  delivery.url(),
                  CallbackBody.of(
                      SimulatedReceiver.jobOf(delivery.body()).value(),
                      SimulatedReceiver.isSuccess(delivery.body()),
                      Optional.empty())));
    }
  },

  /** The answer of a receiver that took a callback counts as a failure. */
  CALLBACK_SENT_AGAIN("and it is sent again") {
    @Override
    public CallbackSender sender(SimulatedReceiver receiver, Simulation simulation) {
      return delivery ->
          receiver.send(delivery) instanceof CallbackResult.Failed failed
              ? failed
              : new CallbackResult.Failed("it said nothing");
    }
  },

  /**
   * The agent judges by the engine's newest events who created a container. Other jobs push those
   * events out.
   */
  CREATIONS_FORGOTTEN("failed, and nothing was wrong with it: the container engine came down") {
    @Override
    public ContainerRuntime engine(SimulatedEngine engine, Simulation simulation) {
      return new Forgetful(engine);
    }
  },

  /** A removed container counts as ended, although its program may run on. */
  STRAYS_UNNOTICED("was released, and it runs") {
    @Override
    public ContainerRuntime engine(SimulatedEngine engine, Simulation simulation) {
      return new DecoratedEngine(engine) {
        @Override
        public void endProcesses(String containerId) {
          // Nothing.
        }
      };
    }
  },

  /** A start that the machine prevents fails the job. */
  MACHINE_BLAMED_ON_THE_JOB("failed, and nothing was wrong with it: the container could not") {
    @Override
    public Function<Job, StepOutcome> steps(
        Function<Job, StepOutcome> steps, Simulation simulation, RunParts.Machine machine) {
      return job ->
          switch (steps.apply(job)) {
            case StepOutcome.Advance(
                    JobEvent.RunEnded(
                        Ending.NotStarted(String reason, Ending.Cause _),
                        Instant at)) ->
                new StepOutcome.Advance(
                    new JobEvent.RunEnded(new Ending.Broken(reason, false), at));
            case StepOutcome outcome -> outcome;
          };
    }
  },

  /** A job is placed again at once after its start was prevented. */
  PAUSE_LEFT_OUT("was placed before the time of its next try") {
    @Override
    public List<Job> queue(List<Job> queued, Simulation simulation) {
      return queued.stream()
          .map(
              job ->
                  new Job(
                      job.id(),
                      job.user(),
                      job.sequence(),
                      job.version(),
                      job.createdAt(),
                      job.request(),
                      job.state(),
                      job.deletion(),
                      Optional.empty(),
                      job.files(),
                      List.of()))
          .toList();
    }
  },

  /** The agent takes every trial of a GPU for a success. */
  GPU_TRIALS_BELIEVED("and the agent knows that one of its GPUs reaches no container") {
    @Override
    public EngineProbe probe(SimulatedEngine engine) {
      return new DecoratedProbe(engine) {
        @Override
        public void tryGpu(String uuid, OptionalInt minor) {
          try {
            super.tryGpu(uuid, minor);
          } catch (ContainerException unheard) {
            // The bug.
          }
        }
      };
    }
  },

  /** The agent takes every trial for a success. */
  TRIALS_BELIEVED("and the agent knows that no container can be started") {
    @Override
    public EngineProbe probe(SimulatedEngine engine) {
      return new DecoratedProbe(engine) {
        @Override
        public void tryStart() {
          try {
            super.tryStart();
          } catch (ContainerException unheard) {
            // The bug.
          }
        }
      };
    }
  };

  private final String words;

  PlantedBugs(String words) {
    this.words = words;
  }

  /** Returns words from the message of the invariant that finds this bug. */
  String words() {
    return words;
  }

  private static StepOutcome startAtOnce(
      ContainerRef container, RunParts.Machine machine, Simulation simulation) {
    Instant now = simulation.machine.agentTime();
    try {
      Optional<Observation> seen = machine.containers().inspect(container);
      if (seen.orElse(null) instanceof Observation.Ran ran) {
        return new StepOutcome.Advance(
            new JobEvent.Started(
                ran.startedAt(),
                Optional.empty(),
                simulation.machine.bootId(),
                ran.containerId(),
                ran.run()));
      }
      machine.containers().start(container);
      return new StepOutcome.Again();
    } catch (ContainerException e) {
      return e.kind() == ContainerException.Kind.UNREACHABLE
          ? new StepOutcome.Wait(now.plusSeconds(2), Optional.empty())
          : new StepOutcome.Advance(
              new JobEvent.RunEnded(
                  new Ending.Broken("the container could not be started", false), now));
    }
  }

  private interface Retries {
    boolean isLeft(Job job, int attempt);
  }

  /** Returns steps that decide by another rule whether a failed run is repeated. */
  private static Function<Job, StepOutcome> releasing(
      Function<Job, StepOutcome> steps, Retries retries) {
    return job ->
        switch (steps.apply(job)) {
          case StepOutcome.Advance(JobEvent.GpusReleased released)
              when job.state() instanceof JobState.Stopping stopping ->
              new StepOutcome.Advance(
                  new JobEvent.GpusReleased(
                      released.at(),
                      released.uploadUntil(),
                      retries.isLeft(job, stopping.attempt()),
                      released.stillBusy(),
                      released.earlier(),
                      List.of()));
          case StepOutcome outcome -> outcome;
        };
  }

  /** Shows the devices without what is on them. */
  private static final class BlindGpus implements GpuInventory {
    private final GpuInventory real;

    BlindGpus(GpuInventory real) {
      this.real = real;
    }

    @Override
    public GpuSnapshot snapshot() {
      GpuSnapshot look = real.snapshot();
      return new GpuSnapshot(
          look.at(), look.devices().stream().map(BlindGpus::withoutUse).toList(), look.fault());
    }

    private static GpuDevice withoutUse(GpuDevice device) {
      return device.withUse(device.memory().withUsed(0), List.of());
    }

    @Override
    public void requestLook() {
      real.requestLook();
    }

    @Override
    public String description() {
      return real.description();
    }

    @Override
    public void close() {
      real.close();
    }
  }

  private static class DecoratedJobs implements Jobs {
    private final Jobs real;

    DecoratedJobs(Jobs real) {
      this.real = real;
    }

    @Override
    public Optional<JobId> createdBefore(Caller caller, String idempotencyKey, String source) {
      return real.createdBefore(caller, idempotencyKey, source);
    }

    @Override
    public JobId create(
        Caller caller, JobRequest request, String source, Optional<String> idempotencyKey) {
      return real.create(caller, request, source, idempotencyKey);
    }

    @Override
    public JobStatus status(Caller caller, JobId id) {
      return real.status(caller, id);
    }

    @Override
    public String delete(Caller caller, JobId id) {
      return real.delete(caller, id);
    }

    @Override
    public String purge(Caller caller, JobId id) {
      return real.purge(caller, id);
    }

    @Override
    public String retryUpload(Caller caller, JobId id) {
      return real.retryUpload(caller, id);
    }

    @Override
    public JobPage list(Caller caller, JobFilter filter, int page, int size) {
      return real.list(caller, filter, page, size);
    }

    @Override
    public JobArtifacts artifacts(Caller caller, JobId id) {
      return real.artifacts(caller, id);
    }

    @Override
    public Optional<DiskUse> disk(Caller caller) {
      return real.disk(caller);
    }

    @Override
    public JobDetail detail(Caller caller, JobId id) {
      return real.detail(caller, id);
    }
  }

  /** The questions to an engine, for a bug to change one of them. */
  private static class DecoratedProbe implements EngineProbe {
    private final EngineProbe engine;

    DecoratedProbe(EngineProbe engine) {
      this.engine = engine;
    }

    @Override
    public EngineFacts probe() {
      return engine.probe();
    }

    @Override
    public Optional<ContainerRoot> containerRoot() {
      return engine.containerRoot();
    }

    @Override
    public List<String> weaknesses() {
      return engine.weaknesses();
    }

    @Override
    public void tryStart() {
      engine.tryStart();
    }

    @Override
    public void tryGpu(String uuid, OptionalInt minor) {
      engine.tryGpu(uuid, minor);
    }

    @Override
    public Set<Integer> missingNodes(String containerId, Set<Integer> minors) {
      return engine.missingNodes(containerId, minors);
    }
  }

  private static class DecoratedEngine implements ContainerRuntime {
    private final ContainerRuntime real;

    DecoratedEngine(ContainerRuntime real) {
      this.real = real;
    }

    @Override
    public void create(ContainerSpec spec) {
      real.create(spec);
    }

    @Override
    public void start(ContainerRef container) {
      real.start(container);
    }

    @Override
    public Optional<Observation> inspect(ContainerRef container) {
      return real.inspect(container);
    }

    @Override
    public StopRequest askToStop(ContainerRef container, StopRequest earlier) {
      return real.askToStop(container, earlier);
    }

    @Override
    public void kill(ContainerRef container) {
      real.kill(container);
    }

    @Override
    public void remove(ContainerRef container) {
      real.remove(container);
    }

    @Override
    public void endProcesses(String containerId) {
      real.endProcesses(containerId);
    }

    @Override
    public List<LabelledContainer> list() {
      return real.list();
    }

    @Override
    public void discard(LabelledContainer container) {
      real.discard(container);
    }
  }

  /** Remembers only its newest events. They are few, because few jobs are simulated at a time. */
  private static final class Forgetful extends DecoratedEngine {
    private static final int EVENTS = 4;

    private final Deque<String> events = new ArrayDeque<>();

    Forgetful(ContainerRuntime real) {
      super(real);
    }

    private void note(String event) {
      events.addLast(event);
      if (events.size() > EVENTS) {
        events.removeFirst();
      }
    }

    @Override
    public void create(ContainerSpec spec) {
      super.create(spec);
      note("create " + spec.name());
    }

    @Override
    public void start(ContainerRef container) {
      super.start(container);
      note("start " + container.name());
    }

    @Override
    public void remove(ContainerRef container) {
      super.remove(container);
      note("destroy " + container.name());
    }

    @Override
    public Optional<Observation> inspect(ContainerRef container) {
      return super.inspect(container)
          .map(
              seen ->
                  seen instanceof Observation.Created(String id)
                          && !events.contains("create " + container.name())
                      ? new Observation.Doubtful(id, false)
                      : seen);
    }
  }

  /** Accepts a manifest, and writes it a little later. */
  private static final class LazyManifests extends DecoratedStore {
    private final SimulatedStore real;
    private final Simulation simulation;

    LazyManifests(SimulatedStore real, Simulation simulation) {
      super(real);
      this.real = real;
      this.simulation = simulation;
    }

    @Override
    public void put(ObjectKey key, ArtifactContent content, Cancellation cancellation) {
      if (!key.file().equals(SimulatedStore.MANIFEST)) {
        super.put(key, content, cancellation);
        return;
      }
      String text = SimulatedStore.read(content);
      simulation.timeline.once("late manifest", true, 1, () -> real.putNow(key, text));
    }
  }
}
