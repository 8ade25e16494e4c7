package io.gpurunner.agent;

import io.gpurunner.agent.auth.SecretFiles;
import io.gpurunner.agent.auth.TokenRegistry;
import io.gpurunner.agent.callback.AddressPolicy;
import io.gpurunner.agent.callback.CallbackSender;
import io.gpurunner.agent.callback.HttpCallbackSender;
import io.gpurunner.agent.callback.RetrySchedule;
import io.gpurunner.agent.callback.SystemHostResolver;
import io.gpurunner.agent.callback.UserKeys;
import io.gpurunner.agent.config.AgentConfig;
import io.gpurunner.agent.config.LibraryConfig;
import io.gpurunner.agent.container.ContainerEngine;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.container.Images;
import io.gpurunner.agent.container.RegistryRules;
import io.gpurunner.agent.faultinjection.FaultPoints;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.log.OutputKeeper;
import io.gpurunner.agent.log.RunLogs;
import io.gpurunner.agent.metrics.AgentMetrics;
import io.gpurunner.agent.os.HostFacts;
import io.gpurunner.agent.os.SteadyClock;
import io.gpurunner.agent.run.ArtifactUrls;
import io.gpurunner.agent.run.CallbackOutbox;
import io.gpurunner.agent.run.DailyBackup;
import io.gpurunner.agent.run.Dispatcher;
import io.gpurunner.agent.run.EventFeed;
import io.gpurunner.agent.run.GpuDesk;
import io.gpurunner.agent.run.GpuMeter;
import io.gpurunner.agent.run.GpuReports;
import io.gpurunner.agent.run.ImageKeeper;
import io.gpurunner.agent.run.JobDesk;
import io.gpurunner.agent.run.JobRunner;
import io.gpurunner.agent.run.JobSteps;
import io.gpurunner.agent.run.KeptDisk;
import io.gpurunner.agent.run.LocalSpecs;
import io.gpurunner.agent.run.LogDesk;
import io.gpurunner.agent.run.MachineView;
import io.gpurunner.agent.run.Orphans;
import io.gpurunner.agent.run.Readiness;
import io.gpurunner.agent.run.Retention;
import io.gpurunner.agent.run.RunSettings;
import io.gpurunner.agent.run.StartGate;
import io.gpurunner.agent.run.StepPorts;
import io.gpurunner.agent.run.VolumeWatch;
import io.gpurunner.agent.state.GpuHealthFile;
import io.gpurunner.agent.state.GpuMeterFile;
import io.gpurunner.agent.state.StateDirectory;
import io.gpurunner.api.ApiPorts;
import io.gpurunner.api.ApiServer;
import io.gpurunner.api.Jobs;
import io.gpurunner.api.JwtSecret;
import io.gpurunner.gpu.GpuInventories;
import io.gpurunner.gpu.GpuInventory;
import io.gpurunner.gpu.HealthBook;
import io.gpurunner.storage.ArtifactPublisher;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.FileWork;
import io.gpurunner.storage.JobVolumes;
import io.gpurunner.storage.KeptFolders;
import io.gpurunner.storage.Library;
import io.gpurunner.storage.LocalArtifactStore;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.security.SecureRandom;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All parts of the agent, wired together. They are opened one by one and closed in the opposite
 * order.
 */
public final class Agent implements AutoCloseable {
  private static final long VERTX_LIMIT_SECONDS = 20;
  private static final long BYTES_PER_MEGABYTE = 1_000_000;

  private static final Logger log = LoggerFactory.getLogger(Agent.class);

  private final Deque<Part> parts = new ArrayDeque<>();
  private final AgentConfig config;
  private final String bootId;
  private final FaultPoints faults;

  private record Part(String name, AutoCloseable handle) {}

  private Agent(AgentConfig config, String bootId, FaultPoints faults) {
    this.config = config;
    this.bootId = bootId;
    this.faults = faults;
  }

  /**
   * Starts the agent. A container engine or a store that is down does not fail the start: readiness
   * reports it.
   *
   * @throws RuntimeException of the part that cannot be opened, for example if the state directory
   *     or the address cannot be used
   */
  public static Agent start(AgentConfig config) {
    return start(config, new HostFacts().bootId(), FaultPoints.ofThisProcess());
  }

  /** Starts the agent with a given boot id and given fault points. */
  static Agent start(AgentConfig config, String bootId, FaultPoints faults) {
    Agent agent = new Agent(config, bootId, faults);
    try {
      agent.open();
      return agent;
    } catch (RuntimeException | Error e) {
      agent.close();
      throw e;
    }
  }

  private void open() {
    // Vert.x takes a tenth of a second to open. Other parts are opened meanwhile.
    CompletableFuture<Vertx> vertxSoon =
        CompletableFuture.supplyAsync(
            () -> Vertx.vertx(new VertxOptions().setPreferNativeTransport(false)));
    keep("vertx", () -> await("close Vert.x", vertxSoon.join().close()));
    StateDirectory.create(config.stateDir());
    SettingsOf settings = new SettingsOf(config);
    HostFacts host = new HostFacts();
    SteadyClock clock = SteadyClock.open(config.stateDir().resolve("boot-clock"), bootId, host);
    RunSettings runSettings =
        new RunSettings(
            config.jobs().gracePeriod(),
            config.images().retryFor(),
            config.store().retryFor(),
            bootId);
    byte[] signingKey =
        SecretFiles.loadOrCreate(config.secretsDirectory().resolve("artifacts.key"));
    JwtSecret jwtSecret = new JwtSecret(SecretFiles.loadOrCreate(config.auth().secretFile()));
    byte[] callbackKey = SecretFiles.loadOrCreate(config.callbackKeyFile());

    AgentMetrics metrics = settings.metrics(host, clock);
    JobLedger ledger =
        keep("ledger", JobLedger.open(config.ledger(), clock, metrics.around(faults.commits())));
    HealthBook health = new HealthBook(new GpuHealthFile(config.stateDir()), bootId, clock);
    GpuInventory gpus =
        keep("gpus", GpuInventories.open(settings.gpus(), ledger.leases().keySet(), health, clock));
    ContainerEngine engine = keep("container engine", settings.openEngine(clock::ofWall, gpus));
    ContainerRuntime containers = faults.around(ContainerRuntime.class, engine.containers());
    FileWork files = keep("file work", new FileWork());
    JobVolumes volumes =
        faults.around(JobVolumes.class, files.around(keep("volumes", settings.openVolumes())));
    LocalArtifactStore localStore = settings.localStore(signingKey);
    ArtifactStore localOnThreads = files.around(localStore);
    EarlierStores earlierStores = keep("earlier stores", settings.earlierStores(localOnThreads));
    ArtifactStore store =
        faults.around(ArtifactStore.class, keep("store", settings.openStore(localOnThreads)));
    LibraryConfig library = config.library();
    Library datasets = new Library("library.datasets", library.datasets(), library.datasetAccess());
    Library models = new Library("library.models", library.models(), library.modelAccess());
    Vertx vertx = vertxSoon.join();

    AddressPolicy callbackPolicy =
        new AddressPolicy(
            config.callbacks().allow(),
            config.callbacks().deny(),
            keep("resolver", new SystemHostResolver()));
    RegistryRules registries =
        new RegistryRules(
            config.images().registries(), config.images().credentials(), callbackPolicy);
    ArtifactUrls urls =
        new ArtifactUrls(store, earlierStores::at, config.store().urlExpiry(), clock.wall());
    CallbackSender sender =
        faults.around(
            CallbackSender.class,
            keep(
                "callback sender",
                new HttpCallbackSender(
                    vertx,
                    callbackPolicy,
                    callbackKey,
                    clock.wall(),
                    config.callbacks().proxy(),
                    settings.trust())));
    RetrySchedule schedule = new RetrySchedule(config.callbacks().retryFor(), new SecureRandom());
    CallbackOutbox outbox =
        keep("callbacks", new CallbackOutbox(ledger, sender, urls, schedule, clock));
    StartGate gate =
        keep("start gate", new StartGate(engine.probe(), gpus, Agent::onThreadOfItsOwn));
    GpuMeter meter =
        keep(
            "gpu meter",
            new GpuMeter(ledger, gpus, gate, new GpuMeterFile(config.stateDir()), clock));
    Readiness readiness =
        keep(
            "readiness",
            new Readiness(engine.name(), engine.probe(), store, gpus, volumes, ledger, gate));
    KeptDisk keptDisk =
        keep(
            "kept disk",
            new KeptDisk(ledger, new KeptFolders(config.stateDir()), settings.diskPerUser()));
    Dispatcher dispatcher =
        keep(
            "dispatcher",
            new Dispatcher(
                ledger,
                gpus,
                volumes,
                store.place(),
                gate,
                clock,
                config.jobs().gracePeriod(),
                settings.userLimits(),
                keptDisk));
    Retention retention =
        keep(
            "retention",
            new Retention(
                ledger,
                volumes,
                Optional.of(faults.around(ArtifactStore.class, localOnThreads)),
                config.jobs().retention(),
                config.jobs().deletedRetention(),
                clock,
                clock.wall()));
    DailyBackup backups = keep("backups", new DailyBackup(ledger));
    LocalSpecs specs =
        new LocalSpecs(
            volumes, datasets, models, gpus, host.totalMemoryBytes(), files, engine.probe());
    ImageKeeper imageKeeper =
        keep(
            "image keeper",
            new ImageKeeper(
                config.stateDir().resolve("pulled-images"),
                config.images().keepMegabytes() * BYTES_PER_MEGABYTE,
                ledger,
                engine.shelf(),
                gate,
                clock));
    VolumeWatch watch = new VolumeWatch(volumes, files.executor(FileWork.Task.MEASURE), clock);
    RunLogs runLogs = keep("run logs", new RunLogs(engine.output(), files, clock.wall()));
    ArtifactPublisher publisher = new ArtifactPublisher(store, files);
    JobSteps steps =
        new JobSteps(
            new StepPorts(
                ledger,
                containers,
                faults.around(Images.class, engine.images()),
                engine.output(),
                faults.around(OutputKeeper.class, runLogs),
                specs,
                volumes,
                watch,
                store,
                publisher,
                gpus,
                meter,
                gate,
                imageKeeper,
                registries),
            runSettings,
            clock);
    JobRunner runner = keep("runner", new JobRunner(ledger, steps, clock));
    Orphans orphans = keep("orphans", new Orphans(ledger, containers, clock));
    keep("engine events", engine.events());

    JobDesk desk =
        new JobDesk(
            ledger,
            dispatcher,
            meter,
            job -> runner.missing(job.id()).or(() -> pullOf(job, engine.images())),
            urls,
            readiness,
            runSettings,
            settings.userLimits(),
            clock,
            clock::toWall);
    MachineView machine =
        new MachineView(
            gpus,
            ledger,
            datasets,
            models,
            callbackPolicy,
            registries,
            image -> engine.shelf().find(image.fullName()).isPresent(),
            config.jobs().maxVolumeMegabytes(),
            volumes,
            store.place(),
            gate,
            meter,
            clock::toWall);
    EventFeed feed = keep("events", new EventFeed(ledger, machine::gpus, clock, clock::toWall));
    ApiPorts ports =
        new ApiPorts(
            faults.around(Jobs.class, desk),
            new LogDesk(desk, ledger, volumes, runLogs),
            machine,
            readiness,
            new GpuDesk(gpus, health, ledger),
            new TokenRegistry(config.tokensDirectory()),
            new LocalDownloads(localStore, clock.wall()),
            metrics,
            feed,
            new UserKeys(callbackKey));
    ApiServer api = new ApiServer(vertx, settings.api(jwtSecret), ports, clock.wall());
    List<String> openAddress = OpenAddress.warnings(config.http());
    openAddress.forEach(log::warn);
    readiness.alsoWarn(() -> openAddress);
    readiness.alsoWarn(() -> api.certificateFault().stream().toList());
    readiness.alsoWarn(
        () -> Stream.of(datasets, models).flatMap(shelf -> shelf.warning().stream()).toList());

    GpuReports reports = new GpuReports(gpus, ledger, gate, meter, clock::toWall);
    metrics.follow(
        new AgentMetrics.Parts(
            ledger,
            dispatcher,
            outbox,
            publisher,
            readiness,
            gpus,
            reports,
            meter,
            runLogs.tally(),
            api::logFollowers));

    // The API starts first. If the address is taken, the start fails before any job is touched.
    await("listen on " + config.http().host() + " port " + config.http().port(), api.start());
    keep("api", () -> await("stop the API", api.stop()));
    config.metrics().port().ifPresent(port -> serve(metrics, port, vertx, clock));
    readiness.start();
    gate.start();
    meter.start();
    runner.start();
    engine.events().listen(name -> runner.wake(name.job()));
    keptDisk.start();
    dispatcher.start();
    outbox.start();
    retention.start();
    orphans.start();
    imageKeeper.start();
    backups.start();
    feed.start();
  }

  /** Serves the metrics at an address of their own. */
  private void serve(AgentMetrics metrics, int port, Vertx vertx, SteadyClock clock) {
    String host = config.metrics().host();
    ApiServer server = ApiServer.ofMetrics(vertx, host, port, metrics, clock.wall());
    await("listen for metrics on " + host + " port " + port, server.start());
    keep("metrics", () -> await("stop the metrics", server.stop()));
  }

  private static void onThreadOfItsOwn(Runnable task) {
    Thread.ofPlatform().daemon().name("trial").start(task);
  }

  private static Optional<String> pullOf(Job job, Images images) {
    return job.state() instanceof JobState.Pulling
        ? images.progress(job.request().image())
        : Optional.empty();
  }

  private <T extends AutoCloseable> T keep(String name, T handle) {
    parts.push(new Part(name, handle));
    return handle;
  }

  private static void await(String what, Future<?> future) {
    try {
      future.toCompletionStage().toCompletableFuture().get(VERTX_LIMIT_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      throw new AgentStartException(
          "cannot "
              + what
              + ": "
              + String.valueOf(e.getCause() == null ? e : e.getCause().getMessage()),
          e);
    } catch (TimeoutException e) {
      throw new AgentStartException("cannot " + what + " within " + VERTX_LIMIT_SECONDS + " s", e);
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
  }

  /** Closes the parts in the opposite order. Containers continue to run. */
  @Override
  public void close() {
    while (!parts.isEmpty()) {
      Part part = parts.pop();
      try {
        part.handle().close();
      } catch (Exception e) {
        log.error("{} could not be closed", part.name(), e);
      }
    }
  }
}
