package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.exception.ConflictException;
import com.github.dockerjava.api.exception.DockerException;
import com.github.dockerjava.api.exception.NotFoundException;
import com.github.dockerjava.api.exception.NotModifiedException;
import com.github.dockerjava.api.model.Container;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.ExitCodes;
import io.gpurunner.agent.container.LabelledContainer;
import io.gpurunner.agent.container.Observation;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Containers of a Docker engine. Thread-safe. */
final class DockerContainers implements ContainerRuntime {
  /** A name that is taken, and free again when we look, is tried once more; then it is an error. */
  private static final int CREATE_TRIES = 2;

  private static final int HTTP_CONFLICT = 409;

  /** What an engine says of an end it did not hear of, whatever it was (docs/adr/010). */
  private static final Set<Integer> MADE_UP_CODES = Set.of(0, ExitCodes.LOST_BY_ENGINE);

  private final EngineConnection connection;
  private final DockerProbe probe;
  private final OurLabels labels;

  private final ObservedState observed;
  private final EngineMemory memory;

  DockerContainers(
      EngineConnection connection, DockerProbe probe, OurLabels labels, ObservedState observed) {
    this.observed = observed;
    this.connection = connection;
    this.probe = probe;
    this.labels = labels;
    this.memory = new EngineMemory(connection);
  }

  @Override
  public void create(ContainerSpec spec) {
    EngineDescription engine = probe.describe();
    GpuRequest gpus = GpuRequest.of(spec.gpus(), probe.gpuAccess(engine), engine);
    for (int tries = 1; ; tries++) {
      Optional<ContainerException> taken = tryCreate(spec, gpus);
      if (taken.isEmpty()) {
        return;
      }
      Optional<InspectContainerResponse> present = look(spec.name().toString());
      if (present.filter(this::isOurs).isPresent()) {
        return;
      }
      if (present.isPresent()) {
        throw takenByAnother(spec.name());
      }
      if (tries == CREATE_TRIES) {
        throw taken.get();
      }
    }
  }

  /** Empty when it was made; the error where the name is taken. */
  private Optional<ContainerException> tryCreate(ContainerSpec spec, GpuRequest gpus) {
    String what = "making the container " + spec.name();
    return connection.call(
        what,
        CallLimits.CREATE,
        docker -> {
          try {
            creation(docker, spec, gpus).exec();
            return Optional.empty();
          } catch (ConflictException e) {
            return Optional.of(EngineErrors.of(connection.host(), what, e));
          } catch (NotFoundException e) {
            throw new ContainerException(Kind.REFUSED, what + ": " + EngineErrors.text(e), e);
          }
        });
  }

  private CreateContainerCmd creation(DockerClient docker, ContainerSpec spec, GpuRequest gpus) {
    CreateContainerCmd creation =
        docker
            .createContainerCmd(spec.image())
            .withName(spec.name().toString())
            .withEnv(environment(spec.environment(), gpus))
            .withLabels(labels.of(spec))
            // The engine's own stop (docker stop, and the engine's end without live restore) must
            // not let a job end by exit code 0 that did not come to its end (docs/adr/006).
            .withStopSignal("SIG" + Signal.KILL)
            .withHostConfig(HostSettings.of(spec, gpus));
    if (!spec.command().isEmpty()) {
      creation
          .withEntrypoint(List.of(spec.command().getFirst()))
          .withCmd(spec.command().subList(1, spec.command().size()));
    }
    return creation;
  }

  private static List<String> environment(Map<String, String> environment, GpuRequest gpus) {
    Map<String, String> all = new TreeMap<>(environment);
    all.put("NVIDIA_VISIBLE_DEVICES", gpus.visibleDevices());
    // Docker's init (tini) then signals all of the job's processes, not the shell alone that
    // "sh -c" starts and that would leave them running.
    all.put("TINI_KILL_PROCESS_GROUP", "1");
    return all.entrySet().stream().map(entry -> entry.getKey() + "=" + entry.getValue()).toList();
  }

  private ContainerException takenByAnother(ContainerName name) {
    return new ContainerException(
        Kind.REFUSED,
        "making the container "
            + name
            + ": the name is taken by a container that does not belong to this agent's state"
            + " directory ("
            + labels.stateLabel()
            + "); remove it or rename it");
  }

  private boolean isOurs(InspectContainerResponse present) {
    Map<String, String> found = present.getConfig().getLabels();
    return found != null && labels.areOn(found);
  }

  @Override
  public void start(ContainerName name) {
    String what = "starting the container " + name;
    InspectContainerResponse present =
        lookAtOurs(name)
            .orElseThrow(
                () -> new ContainerException(Kind.ABSENT, what + ": there is no such container"));
    // The engine would run one that has ended, or that it lost as it started it, a second time.
    if (!(observe(present) instanceof Observation.Created)) {
      return;
    }
    connection.run(
        what,
        CallLimits.START,
        docker -> {
          try {
            // By id: should the engine come to it late, it is this container or none.
            docker.startContainerCmd(present.getId()).exec();
          } catch (NotModifiedException runsAlready) {
            // What was wanted.
          }
        });
  }

  @Override
  public Optional<Observation> inspect(ContainerName name) {
    return lookAtOurs(name).map(this::observe);
  }

  private Observation observe(InspectContainerResponse present) {
    String id = present.getId();
    if (ObservedState.neverRan(present)) {
      return memory.hasMade(id) && !ContainerProcesses.exist(id)
          ? observed.of(present)
          : new Observation.Doubtful(id);
    }
    Observation seen = observed.of(present);
    return seen instanceof Observation.Exited exited
            && MADE_UP_CODES.contains(exited.exitCode())
            && !isVouchedFor(present)
        ? exited.lostByEngine()
        : seen;
  }

  private boolean isVouchedFor(InspectContainerResponse present) {
    Instant started = ObservedState.startedAt(present).orElseThrow();
    return memory.vouchesForEnd(
        present.getId(), started, ObservedState.finishedAt(present).orElse(started));
  }

  /** One that has the name and not our label is none of this agent's, and never touched. */
  private Optional<InspectContainerResponse> lookAtOurs(ContainerName name) {
    return look(name.toString()).filter(this::isOurs);
  }

  private Optional<InspectContainerResponse> look(String nameOrId) {
    return connection.inspect(
        "inspecting the container " + nameOrId,
        "/containers/" + nameOrId + "/json",
        ObservedState::read);
  }

  @Override
  public void signal(ContainerName name, Signal signal) {
    lookAtOurs(name).ifPresent(present -> signal(name, present.getId(), signal));
  }

  private void signal(ContainerName name, String id, Signal signal) {
    connection.run(
        "sending SIG" + signal + " to the container " + name,
        CallLimits.QUICK,
        docker -> {
          try {
            docker.killContainerCmd(id).withSignal("SIG" + signal).exec();
          } catch (NotFoundException | ConflictException absentOrNotRunning) {
            // Nothing is left to signal.
          }
        });
  }

  @Override
  public void remove(ContainerName name) {
    lookAtOurs(name).ifPresent(present -> remove(present.getId()));
  }

  @Override
  public void endProcesses(String containerId) {
    if (look(containerId).filter(present -> !isOurs(present)).isEmpty()) {
      ContainerProcesses.kill(containerId);
    }
  }

  @Override
  public void discard(LabelledContainer container) {
    // Before: once it is removed, nobody would look again.
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

  /** "removal of container … is already in progress": a look or a list tells when it is done. */
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

  /** A container has one name of its own; what is linked to it has a slash in the middle. */
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
