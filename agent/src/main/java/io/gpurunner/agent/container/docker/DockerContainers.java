package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.exception.ConflictException;
import com.github.dockerjava.api.exception.DockerException;
import com.github.dockerjava.api.exception.NotFoundException;
import com.github.dockerjava.api.exception.NotModifiedException;
import com.github.dockerjava.api.model.Container;
import com.github.dockerjava.api.model.HealthCheck;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.Mount;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.ContainerSpec.GpuAttachment;
import io.gpurunner.agent.container.ExitCodes;
import io.gpurunner.agent.container.LabelledContainer;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.container.StopRequest;
import io.gpurunner.agent.container.StopSignal;
import io.gpurunner.api.AgentVariables;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** The containers of a Docker engine. Thread-safe. */
final class DockerContainers implements ContainerRuntime {
  /**
   * The number of tries of a creation that the engine fails, or whose name is taken by something
   * that is not visible.
   */
  private static final int CREATE_TRIES = 3;

  private static final Duration CREATE_PAUSE = Duration.ofSeconds(1);

  private static final int HTTP_CONFLICT = 409;

  /** The exit codes that an engine reports for an end that it did not hear of (docs/adr/010). */
  private static final Set<Integer> MADE_UP_CODES = Set.of(0, ExitCodes.LOST_BY_ENGINE);

  private static final StopSignal KILL = new StopSignal(9);

  /** Docker's word for a container without a health check, even if its image has one. */
  private static final List<String> NO_HEALTH_CHECK = List.of("NONE");

  private final EngineConnection connection;
  private final StopRequests stops;
  private final DockerProbe probe;
  private final EngineIdentity identity;
  private final OurLabels labels;
  private final ObservedState observed;
  private final MemoryEvents memory;

  DockerContainers(
      EngineConnection connection,
      DockerProbe probe,
      EngineIdentity identity,
      OurLabels labels,
      ObservedState observed) {
    this.connection = connection;
    this.stops = new StopRequests(connection);
    this.probe = probe;
    this.identity = identity;
    this.labels = labels;
    this.observed = observed;
    this.memory = new MemoryEvents(connection);
  }

  @Override
  public void create(ContainerSpec spec) {
    EngineDescription engine = probe.describe();
    GpuRequest gpus = probe.gpuRequest(spec.gpus(), engine);
    // The identity is read before the request. If another engine gets the request, the container
    // then counts as doubtful, and not as that engine's.
    String creator = identity.now();
    // In a user namespace, the engine's capabilities do not raise limits.
    boolean raisesLimits = !engine.rootless() && identity.mayRaiseLimits();
    HostConfig host = HostSettings.of(spec, gpus, raisesLimits, imageVolumes(spec));
    JobProcess process = JobProcess.of(spec, environment(spec.environment(), gpus), image(spec));
    for (int tries = 1; ; tries++) {
      try {
        requestCreation(spec, process, host, creator);
        return;
      } catch (ConflictException taken) {
        Optional<InspectContainerResponse> present = look(spec.name().toString());
        if (present.filter(this::isOurs).isPresent()) {
          return;
        }
        if (present.isPresent()) {
          throw takenByAnother(spec.name());
        }
        if (tries == CREATE_TRIES) {
          // A request that was given up may still be on its way to the engine, and hold the name.
          throw new ContainerException(
              Kind.UNREACHABLE, creating(spec), EngineErrors.text(taken), taken);
        }
      } catch (ContainerException e) {
        if (e.kind() != Kind.FAILED || tries == CREATE_TRIES) {
          throw e;
        }
      }
      LockSupport.parkNanos(CREATE_PAUSE.toNanos());
    }
  }

  /** An image that is gone declares nothing: its creation fails, and the next try pulls it. */
  private List<Mount> imageVolumes(ContainerSpec spec) {
    return ImageVolumeMounts.of(
        spec,
        connection
            .inspectImage(
                "looking at the image " + spec.image(),
                spec.image().fullName(),
                ImageVolumeMounts.Declared::in)
            .orElse(ImageVolumeMounts.Declared.NOTHING));
  }

  private static String creating(ContainerSpec spec) {
    return "creating the container " + spec.name();
  }

  /**
   * @throws ConflictException if the name is taken
   */
  private void requestCreation(
      ContainerSpec spec, JobProcess process, HostConfig host, String creator) {
    String what = creating(spec);
    Optional<ConflictException> taken =
        connection.call(
            what,
            CallLimits.CREATE,
            docker -> {
              try {
                creation(docker, spec, process, host, creator).exec();
                return Optional.empty();
              } catch (ConflictException e) {
                return Optional.of(e);
              } catch (NotFoundException e) {
                // The image is gone. It was there before this, and the next try pulls it again.
                throw new ContainerException(Kind.FAILED, what, EngineErrors.text(e), e);
              }
            });
    if (taken.isPresent()) {
      throw taken.get();
    }
  }

  private CreateContainerCmd creation(
      DockerClient docker,
      ContainerSpec spec,
      JobProcess process,
      HostConfig host,
      String creator) {
    CreateContainerCmd creation =
        docker
            .createContainerCmd(spec.image().fullName())
            .withName(spec.name().toString())
            .withEnv(process.environment())
            .withLabels(labels.of(spec.name(), creator))
            // A stop by the engine itself (docker stop, or the engine's end without live restore)
            // must not let an unfinished job end with exit code 0 (docs/adr/006).
            .withStopSignal(KILL.toString())
            // The check of an image is meant for the image's own server. Its command would run
            // beside the job again and again, with the job's GPUs, and nobody reads what it finds.
            .withHealthcheck(new HealthCheck().withTest(NO_HEALTH_CHECK))
            .withHostConfig(host);
    List<String> command = process.command();
    if (!command.isEmpty()) {
      creation
          .withEntrypoint(List.of(command.getFirst()))
          .withCmd(command.subList(1, command.size()));
    }
    return creation;
  }

  /** Returns what the image of a container with GPUs says about its program. */
  private ImageProcess image(ContainerSpec spec) {
    return spec.gpus() instanceof GpuAttachment.Devices
        ? connection
            .inspectImage(creating(spec), spec.image().fullName(), ImageProcess::read)
            .orElse(ImageProcess.NOTHING)
        : ImageProcess.NOTHING;
  }

  private static Map<String, String> environment(Map<String, String> environment, GpuRequest gpus) {
    Map<String, String> all = new TreeMap<>(environment);
    all.putAll(gpus.environment());
    // If no program catches the stop signal, Docker's init (tini) hands it on to all of them.
    // Without this it would reach only the first one.
    all.put(AgentVariables.KILL_PROCESS_GROUP, "1");
    return all;
  }

  private ContainerException takenByAnother(ContainerName name) {
    return new ContainerException(
        Kind.FAILED,
        "creating the container " + name,
        "the name is taken by a container that this agent did not create (it lacks the label "
            + OurLabels.INSTANCE
            + "="
            + labels.instance()
            + "); remove or rename that container");
  }

  private boolean isOurs(InspectContainerResponse present) {
    return labels.areOn(labelsOf(present));
  }

  private static Map<String, String> labelsOf(InspectContainerResponse present) {
    Map<String, String> found = present.getConfig().getLabels();
    return found == null ? Map.of() : found;
  }

  @Override
  public void start(ContainerRef container) {
    String what = "starting the container " + container.name();
    InspectContainerResponse present =
        look(container)
            .orElseThrow(
                () -> new ContainerException(Kind.ABSENT, what, "there is no such container"));
    // The engine would run a container a second time if it has ended, or if the engine lost its
    // start.
    if (!(observe(present) instanceof Observation.Created)) {
      return;
    }
    connection.run(
        what,
        CallLimits.START,
        docker -> {
          try {
            // The id is used. If the engine handles the request late, it starts this container or
            // none.
            docker.startContainerCmd(present.getId()).exec();
          } catch (NotModifiedException runsAlready) {
            // What was wanted.
          }
        });
  }

  @Override
  public Optional<Observation> inspect(ContainerRef container) {
    return look(container).map(this::observe);
  }

  private Observation observe(InspectContainerResponse present) {
    return ObservedState.neverRan(present) ? observeUnstarted(present) : observeRan(present);
  }

  private Observation observeRan(InspectContainerResponse present) {
    Observation seen = observed.of(present);
    if (!(seen instanceof Observation.Exited exited)) {
      return seen;
    }
    if (MADE_UP_CODES.contains(exited.exitCode()) && !isVouchedFor(present)) {
      return exited.lostByEngine();
    }
    return exited.exitCode() == ExitCodes.KILLED
            && !exited.outOfMemory()
            && memory.tellOfKill(present.getId(), ObservedState.end(present))
        ? exited.byLackOfMemory()
        : exited;
  }

  /** Returns whether the engine's report of the container's end can be believed. */
  private boolean isVouchedFor(InspectContainerResponse present) {
    Instant started = ObservedState.startedAt(present).orElseThrow();
    return isOfThisEngine(present) || identity.heardOfEnd(started, ObservedState.end(present));
  }

  /**
   * Observes a container that never started. The engine's identity is read last, because an answer
   * of an earlier engine would not count. An engine does not answer a look at a container while it
   * starts that container. So a process of a container that never ran is left from a start that
   * failed half-way.
   */
  private Observation observeUnstarted(InspectContainerResponse present) {
    String id = present.getId();
    boolean hasProcesses = ContainerProcesses.exist(id);
    if (hasProcesses) {
      // A start that was given up may have begun after that answer.
      Optional<InspectContainerResponse> later = look(id);
      if (later.filter(answer -> !ObservedState.neverRan(answer)).isPresent()) {
        return observeRan(later.get());
      }
      hasProcesses = ContainerProcesses.exist(id);
    }
    return !hasProcesses && isOfThisEngine(present)
        ? new Observation.Created(id)
        : new Observation.Doubtful(id, hasProcesses);
  }

  private boolean isOfThisEngine(InspectContainerResponse present) {
    return OurLabels.engineOf(labelsOf(present)).filter(identity.now()::equals).isPresent();
  }

  private Optional<InspectContainerResponse> look(ContainerRef container) {
    Optional<InspectContainerResponse> found = look(container.engineKey());
    return container.recordedId().isPresent() ? found : found.filter(this::isOurs);
  }

  private Optional<InspectContainerResponse> look(String nameOrId) {
    return identity.asking(
        () ->
            connection.inspect(
                "inspecting the container " + nameOrId,
                "/containers/" + nameOrId + "/json",
                ObservedState::read));
  }

  @Override
  public StopRequest askToStop(ContainerRef container, StopRequest earlier) {
    Optional<String> id =
        container.recordedId().or(() -> look(container).map(InspectContainerResponse::getId));
    return id.map(
            known -> stops.ask(known, earlier, signal -> signal(container.name(), known, signal)))
        .orElse(earlier);
  }

  @Override
  public void kill(ContainerRef container) {
    look(container).ifPresent(present -> signal(container.name(), present.getId(), KILL));
  }

  private void signal(ContainerName name, String id, StopSignal signal) {
    connection.run(
        "sending " + signal + " to the container " + name,
        CallLimits.QUICK,
        docker -> {
          try {
            docker.killContainerCmd(id).withSignal(Integer.toString(signal.number())).exec();
          } catch (NotFoundException | ConflictException absentOrNotRunning) {
            // There is no process left to signal.
          }
        });
  }

  @Override
  public void remove(ContainerRef container) {
    look(container).ifPresent(present -> remove(present.getId()));
  }

  @Override
  public void endProcesses(String containerId) {
    ContainerProcesses.kill(containerId);
  }

  @Override
  public void discard(LabelledContainer container) {
    // Its processes end first. Once it is removed, nobody would look for them.
    ContainerProcesses.kill(container.containerId());
    remove(container.containerId());
  }

  private void remove(String id) {
    connection.run(
        "removing the container " + id,
        CallLimits.REMOVE,
        docker -> {
          try {
            docker.removeContainerCmd(id).withForce(true).withRemoveVolumes(true).exec();
          } catch (NotFoundException absent) {
            // What was wanted.
          } catch (DockerException e) {
            if (!isInProgress(e)) {
              throw e;
            }
          }
        });
  }

  /**
   * Returns whether the engine says "removal of container … is already in progress". A look or a
   * list shows when it is done.
   */
  private static boolean isInProgress(DockerException e) {
    return e.getHttpStatus() == HTTP_CONFLICT
        && EngineErrors.text(e).contains("already in progress");
  }

  @Override
  public List<LabelledContainer> list() {
    return connection.call(
        "listing this agent's containers",
        CallLimits.QUICK,
        docker ->
            docker
                .listContainersCmd()
                .withShowAll(true)
                .withLabelFilter(labels.filter())
                .exec()
                .stream()
                .map(found -> new LabelledContainer(found.getId(), nameOf(found)))
                .toList());
  }

  /** Returns the container's own name. The name of a linked container has a slash in the middle. */
  private static String nameOf(Container container) {
    String @Nullable [] names = container.getNames();
    return names == null
        ? ""
        : Arrays.stream(names)
            .map(name -> name.substring(1))
            .filter(name -> name.indexOf('/') < 0)
            .findFirst()
            .orElse("");
  }
}
