package io.gpurunner.agent.simulation;

import io.gpurunner.agent.callback.CallbackBody;
import io.gpurunner.agent.callback.CallbackDelivery;
import io.gpurunner.agent.callback.CallbackSender;
import io.gpurunner.agent.container.ContainerName;
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
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** Bugs that the simulation must find. */
enum PlantedBugs implements Plant {
  /** The lease ends once SIGTERM was sent. */
  LEASE_RELEASED_EARLY {
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

  /** What a job left is published whether or not it is on disk. */
  FILES_NOT_SYNCED {
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
  ANNOUNCED_BEFORE_THE_MANIFEST {
    @Override
    public ArtifactStore store(SimulatedStore store, Simulation simulation) {
      return new LazyManifests(store, simulation);
    }
  },

  /** A create is answered though its record is not synced. */
  CREATED_WITHOUT_RECORD {
    @Override
    public boolean syncs(Simulation simulation) {
      return simulation.dice.percent(90);
    }
  },

  /** The container is made before the ledger says that it will be. */
  CONTAINER_WITHOUT_INTENT {
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
  RUN_TWICE {
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
          machine.containers().start(name);
        }
        return outcome;
      };
    }
  },

  /** Reboots are not noticed, so that exit code 0 after one is taken for a success. */
  REBOOTS_UNNOTICED {
    @Override
    public String bootId(String bootId) {
      return "boot-0";
    }
  },

  /** Success is told while artifacts are on their way. */
  CALLBACK_TOO_EARLY {
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
  DELIVERY_IDS_ANEW {
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
  LIVE_CONTAINERS_REAPED {
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
  NEVER_KILLED {
    @Override
    public ContainerRuntime engine(SimulatedEngine engine, Simulation simulation) {
      return new DecoratedEngine(engine) {
        @Override
        public void signal(ContainerName name, Signal signal) {
          if (signal == Signal.TERM) {
            super.signal(name, signal);
          }
        }
      };
    }
  },

  /** What an engine that was started anew says of earlier starts is believed. */
  LOST_STARTS_UNNOTICED {
    @Override
    public ContainerRuntime engine(SimulatedEngine engine, Simulation simulation) {
      return new DecoratedEngine(engine) {
        @Override
        public Optional<Observation> inspect(ContainerName name) {
          return super.inspect(name)
              .map(
                  seen ->
                      seen instanceof Observation.Doubtful(String id)
                          ? new Observation.Created(id)
                          : seen);
        }
      };
    }
  },

  /** A removed container is taken for the end of what ran in it. */
  STRAYS_UNNOTICED {
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
    public void start(ContainerName name) {
      real.start(name);
    }

    @Override
    public Optional<Observation> inspect(ContainerName name) {
      return real.inspect(name);
    }

    @Override
    public void signal(ContainerName name, Signal signal) {
      real.signal(name, signal);
    }

    @Override
    public void remove(ContainerName name) {
      real.remove(name);
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
