package io.gpurunner.agent.simulation;

import io.gpurunner.agent.callback.CallbackBody;
import io.gpurunner.agent.callback.CallbackDelivery;
import io.gpurunner.agent.callback.CallbackSender;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.LabelledContainer;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.run.RunParts;
import io.gpurunner.agent.run.StepOutcome;
import io.gpurunner.storage.ArtifactContent;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.Cancellation;
import io.gpurunner.storage.DecoratedStore;
import io.gpurunner.storage.ObjectKey;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** Bugs that the simulation must find. */
enum PlantedBugs implements Plant {
  /** The lease ends once SIGTERM was sent. */
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

  /** Nobody looks whether the devices are free: the lease ends when they must be. */
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

  /** What ended by itself is removed by nobody for long. */
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

  /** What a job left is published whether or not it is on disk. */
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

  /** The manifest is on its way when the upload is announced. */
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

  /** The container is made before the ledger says that it will be. */
  CONTAINER_WITHOUT_INTENT("was made, and the ledger says Optional[Pulling") {
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

  /** A container that is not there any more is made and started again. */
  RUN_TWICE("was made, and the ledger says Optional[Running") {
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

  /** Reboots are not noticed, so that exit code 0 after one is taken for a success. */
  REBOOTS_UNNOTICED("succeeded, and no container of its ended well") {
    @Override
    public String bootId(String bootId) {
      return "boot-0";
    }
  },

  /** Success is told while artifacts are on their way. */
  CALLBACK_TOO_EARLY("is told, and it is Optional[Uploading") {
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
                                  url,
                                  CallbackBody.of(job.id().value(), true, Optional.empty()))));
        }
        return steps.apply(job);
      };
    }
  },

  /** Each try has a delivery id of its own. */
  DELIVERY_IDS_ANEW("ended once and has two delivery ids") {
    @Override
    public CallbackSender sender(SimulatedReceiver receiver, Simulation simulation) {
      return delivery ->
          receiver.send(
              new CallbackDelivery(
                  delivery.deliveryId() + simulation.timeline.now(),
                  delivery.url(),
                  delivery.body()));
    }
  },

  /** Whoever lists the containers, as the reaper does, takes them all for orphans. */
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
        public void signal(ContainerRef container, Signal signal) {
          if (signal == Signal.TERM) {
            super.signal(container, signal);
          }
        }
      };
    }
  },

  /** What an engine that was started anew says of earlier starts is believed. */
  LOST_STARTS_UNNOTICED("was started twice") {
    @Override
    public ContainerRuntime engine(SimulatedEngine engine, Simulation simulation) {
      return new DecoratedEngine(engine) {
        @Override
        public Optional<Observation> inspect(ContainerRef container) {
          return super.inspect(container)
              .map(
                  seen ->
                      seen instanceof Observation.Doubtful(String id)
                          ? new Observation.Created(id)
                          : seen);
        }
      };
    }
  },

  /** Which engine created a container is judged by its newest events, which other jobs push out. */
  CREATIONS_FORGOTTEN("failed, and nothing was wrong with it: the container engine came down") {
    @Override
    public ContainerRuntime engine(SimulatedEngine engine, Simulation simulation) {
      return new Forgetful(engine);
    }
  },

  /** A removed container is taken for the end of what ran in it. */
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
  };

  private final String words;

  PlantedBugs(String words) {
    this.words = words;
  }

  /** What the invariant says that is there to find it. */
  String words() {
    return words;
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
    public void signal(ContainerRef container, Signal signal) {
      real.signal(container, signal);
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

  /** Remembers its newest events only, and few: few jobs are simulated at a time. */
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
                      ? new Observation.Doubtful(id)
                      : seen);
    }
  }

  /** Takes a manifest, and writes it a little later. */
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
