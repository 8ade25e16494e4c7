package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.FakeContainerOutput;
import io.gpurunner.agent.container.FakeContainerRuntime;
import io.gpurunner.agent.container.FakeEngineProbe;
import io.gpurunner.agent.container.FakeImageShelf;
import io.gpurunner.agent.container.FakeImages;
import io.gpurunner.agent.container.OpenRegistries;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.agent.job.Setback;
import io.gpurunner.agent.ledger.Creation;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.log.FakeOutputKeeper;
import io.gpurunner.api.ImageReference;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.SimulatedGpuInventory;
import io.gpurunner.storage.ArtifactPlace;
import io.gpurunner.storage.ArtifactPublisher;
import io.gpurunner.storage.FileWork;
import io.gpurunner.storage.JobVolumes;
import io.gpurunner.storage.LocalArtifactStore;
import io.gpurunner.storage.StorageException;
import io.gpurunner.storage.VolumeSettings;
import io.gpurunner.storage.Volumes;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Runs the queue and the steps on a real ledger, real directories and a real local store, with an
 * engine in memory and a clock that tests move. For one thread.
 */
final class RunHarness implements AutoCloseable {
  static final String RTX = "NVIDIA GeForce RTX 3090";

  /** A number of steps that no run takes without waiting. */
  private static final int STEP_LIMIT = 50;

  final MovableClock clock = new MovableClock();
  final FakeContainerRuntime containers = new FakeContainerRuntime(clock);
  final FakeEngineProbe engine = new FakeEngineProbe();
  final FakeImages images = new FakeImages();
  final FakeContainerOutput output = new FakeContainerOutput();
  final FakeOutputKeeper keeper = new FakeOutputKeeper();
  final JobVolumes volumes;
  final FaultyStore store;
  final UsedGpus gpus = new UsedGpus(new SimulatedGpuInventory(List.of(RTX, RTX), clock));
  StartGate gate = new StartGate(engine, gpus, Runnable::run);
  final ArtifactPublisher publisher;
  final ForgetfulMeterStore measured = new ForgetfulMeterStore();
  GpuMeter meter;
  private final Path directory;
  private String bootId = "boot-1";
  private Duration gracePeriod = Duration.ofSeconds(30);

  /** The error of every attempt to describe a container, if there is one. */
  Optional<StorageException> specFault = Optional.empty();

  Runnable duringNextSeed = () -> {};
  private Duration uploadRetryFor = Duration.ofMinutes(1);
  JobLedger ledger;
  private JobSteps steps;
  private final UserLimits limits = UserLimits.DEFAULT;
  private Dispatcher dispatcher;

  RunHarness(Path directory) {
    this.directory = directory;
    this.volumes =
        watchedSeeds(Volumes.open(new VolumeSettings(directory, VolumeSettings.Enforcement.WATCH)));
    this.store =
        new FaultyStore(
            new LocalArtifactStore(
                directory.resolve("artifacts"), URI.create("http://localhost"), new byte[64]));
    this.publisher = new ArtifactPublisher(store, new FileWork());
    this.ledger = JobLedger.open(directory.resolve("ledger"), clock);
    this.meter = newMeter();
    this.steps = newSteps();
    this.dispatcher = newDispatcher();
  }

  private GpuMeter newMeter() {
    return new GpuMeter(ledger, gpus, gate, measured, clock);
  }

  Dispatcher newDispatcher() {
    return new Dispatcher(
        ledger,
        gpus,
        volumes,
        new ArtifactPlace.Local(),
        gate,
        clock,
        gracePeriod,
        limits,
        UserDisk.UNLIMITED);
  }

  private JobSteps newSteps() {
    return new JobSteps(
        new StepPorts(
            ledger,
            containers,
            images,
            output,
            keeper,
            this::specOrFault,
            volumes,
            new VolumeWatch(volumes, Runnable::run, clock),
            store,
            publisher,
            gpus,
            meter,
            gate,
            new ImageKeeper(
                directory.resolve("pulled-images"), 1, ledger, new FakeImageShelf(), gate, clock),
            OpenRegistries.rules()),
        new RunSettings(gracePeriod, Duration.ofMinutes(10), uploadRetryFor, bootId),
        clock);
  }

  private ContainerSpec specOrFault(
      Job job, ContainerName name, List<io.gpurunner.gpu.GpuUuid> gpus) {
    specFault.ifPresent(
        fault -> {
          throw fault;
        });
    return spec(job, name, gpus);
  }

  /** Returns the volumes, with an event during the next copy of checkpoints. */
  private JobVolumes watchedSeeds(JobVolumes real) {
    return (JobVolumes)
        Proxy.newProxyInstance(
            JobVolumes.class.getClassLoader(),
            new Class<?>[] {JobVolumes.class},
            (_, method, arguments) -> {
              if (method.getName().equals("seedCheckpoint")) {
                Runnable event = duringNextSeed;
                duringNextSeed = () -> {};
                event.run();
              }
              try {
                return method.invoke(real, arguments);
              } catch (InvocationTargetException e) {
                throw e.getTargetException();
              }
            });
  }

  private static ContainerSpec spec(
      Job job, ContainerName name, List<io.gpurunner.gpu.GpuUuid> gpus) {
    return spec(
        name,
        job.request().image(),
        gpus.isEmpty()
            ? new ContainerSpec.GpuAttachment.None()
            : new ContainerSpec.GpuAttachment.Devices(
                gpus.stream().map(io.gpurunner.gpu.GpuUuid::value).toList()));
  }

  /** Returns any specification for a container of that name. */
  static ContainerSpec specOf(ContainerName name) {
    return spec(name, ImageReference.of("busybox"), new ContainerSpec.GpuAttachment.None());
  }

  private static ContainerSpec spec(
      ContainerName name, ImageReference image, ContainerSpec.GpuAttachment gpus) {
    return new ContainerSpec(name, image, List.of("true"), Map.of(), List.of(), gpus, 1 << 26);
  }

  /** Returns a runner that makes the steps, for tests that do not make them themselves. */
  JobRunner runner() {
    return new JobRunner(ledger, steps, clock);
  }

  /** Restarts the agent after a crash, under the same boot or another. */
  void restart(String boot) {
    ledger.close();
    bootId = boot;
    ledger = JobLedger.open(directory.resolve("ledger"), clock);
    gate = new StartGate(engine, gpus, Runnable::run);
    meter = newMeter();
    steps = newSteps();
    dispatcher = newDispatcher();
  }

  /** Restarts the agent under the same boot with another grace period. */
  void restartWithGracePeriod(Duration configured) {
    gracePeriod = configured;
    restart(bootId);
  }

  /** Restarts the agent under the same boot with another retry time of uploads. */
  void restartWithUploadsRetriedFor(Duration configured) {
    uploadRetryFor = configured;
    restart(bootId);
  }

  JobId submit(Requests request, FakeContainerRuntime.Program program) {
    return switch (ledger.create(Requests.ANN, request.build(), "{}", Optional.empty())) {
      case Creation.Created created -> {
        containers.program(created.id(), program);
        yield created.id();
      }
      case Creation.Existing _, Creation.KeyReused _ -> throw new AssertionError("no key was sent");
    };
  }

  Job job(JobId id) {
    return ledger.find(id).orElseThrow();
  }

  JobState state(JobId id) {
    return job(id).state();
  }

  /** Makes one step of a job as it was read before, and does not commit the outcome. */
  void step(Job read) {
    steps.step(read);
  }

  /** Makes one step and commits its outcome. */
  StepOutcome stepOnce(JobId id) {
    StepOutcome outcome = steps.step(job(id));
    if (outcome instanceof StepOutcome.Advance advance) {
      ledger.apply(job(id), advance.event());
    }
    return outcome;
  }

  /** Makes one step whose event cannot be committed. */
  void stepWithoutLedger(JobId id) {
    if (steps.step(job(id)) instanceof StepOutcome.Advance advance) {
      steps.enforceUnrecorded(job(id), advance.event());
    }
  }

  /** Makes one round of the dispatcher. */
  void whenQueuedDispatch() {
    dispatcher.round();
  }

  /** Dispatches, and makes steps until the job waits or has nothing to do. */
  Job settle(JobId id) {
    dispatcher.round();
    for (int i = 0; i < STEP_LIMIT; i++) {
      switch (stepOnce(id)) {
        case StepOutcome.Advance _, StepOutcome.Again _ -> {}
        case StepOutcome.Wait _, StepOutcome.Idle _ -> {
          return job(id);
        }
      }
    }
    throw new AssertionError("the steps do not end in " + state(id));
  }

  /** Makes steps until the job has ended, and moves the clock to the end of each wait. */
  Job toTheEnd(JobId id) {
    return until(id, JobState.Final.class);
  }

  /** Makes steps until the job is in a state, and moves the clock to the end of each wait. */
  Job until(JobId id, Class<? extends JobState> state) {
    for (int i = 0; i < STEP_LIMIT * STEP_LIMIT; i++) {
      if (state.isInstance(state(id))) {
        return job(id);
      }
      dispatcher.round();
      switch (stepOnce(id)) {
        case StepOutcome.Wait wait -> moveTo(wait.until());
        case StepOutcome.Idle _ ->
            job(id).setback().map(Setback::notBefore).ifPresent(this::moveTo);
        case StepOutcome.Advance _, StepOutcome.Again _ -> {}
      }
    }
    throw new AssertionError("the job does not leave " + state(id));
  }

  private void moveTo(Instant next) {
    clock.moveTo(next.isAfter(clock.instant()) ? next : clock.instant().plusMillis(1));
  }

  Placement.Waiting whyWaiting(JobId id) {
    dispatcher.round();
    return dispatcher.whyWaiting(id).orElseThrow();
  }

  /** Writes a file into the job's model directory. */
  void writeModel(JobId id, String file, String text) {
    try {
      Files.writeString(volumes.paths(job(id).folder()).model().resolve(file), text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the file in which the store keeps an object. */
  Path stored(Job job, String file) {
    return directory.resolve("artifacts").resolve(job.folder().name()).resolve(file);
  }

  @Override
  public void close() {
    ledger.close();
    volumes.close();
    store.close();
    gpus.close();
  }
}
