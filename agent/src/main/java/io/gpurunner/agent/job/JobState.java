package io.gpurunner.agent.job;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.storage.ArtifactPlace;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The state of a job. Each record has only what exists in its state.
 *
 * <pre>
 * QUEUED → PREPARING → PULLING → STARTING → RUNNING → STOPPING → UPLOADING → SUCCEEDED | FAILED | DELETED
 *    ↑________________________________________________|  (a failed run with retries left)
 * </pre>
 *
 * From PREPARING on, every end of a run goes through STOPPING. Only there is a container stopped
 * and removed, and only there are its GPUs given back.
 */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "state")
@JsonSubTypes({
  @JsonSubTypes.Type(value = JobState.Queued.class, name = "QUEUED"),
  @JsonSubTypes.Type(value = JobState.Preparing.class, name = "PREPARING"),
  @JsonSubTypes.Type(value = JobState.Pulling.class, name = "PULLING"),
  @JsonSubTypes.Type(value = JobState.Starting.class, name = "STARTING"),
  @JsonSubTypes.Type(value = JobState.Running.class, name = "RUNNING"),
  @JsonSubTypes.Type(value = JobState.Stopping.class, name = "STOPPING"),
  @JsonSubTypes.Type(value = JobState.Uploading.class, name = "UPLOADING"),
  @JsonSubTypes.Type(value = JobState.Succeeded.class, name = "SUCCEEDED"),
  @JsonSubTypes.Type(value = JobState.Failed.class, name = "FAILED"),
  @JsonSubTypes.Type(value = JobState.Deleted.class, name = "DELETED")
})
@JsonIgnoreProperties(ignoreUnknown = true)
public sealed interface JobState {
  /** Returns the state's name as users see it. */
  default String label() {
    return getClass().getSimpleName().toUpperCase(Locale.ROOT);
  }

  /** A state from which the agent moves the job on. */
  sealed interface Live extends JobState {}

  /** A run holds GPUs, and perhaps a container: PREPARING to STOPPING. */
  sealed interface Placed extends Live {
    /** Returns the number of the run; the first is 1. */
    int attempt();

    /** Returns the leased devices in the container's order; none for a job without GPUs. */
    List<GpuUuid> gpus();
  }

  /** The job has ended. */
  sealed interface Final extends JobState {
    Instant finishedAt();
  }

  /** The job waits for its turn and its GPUs. */
  record Queued(int attempt) implements Live {}

  /** The job holds its GPUs, and its directories are being created. */
  record Preparing(int attempt, List<GpuUuid> gpus) implements Placed {
    public Preparing {
      gpus = List.copyOf(gpus);
    }
  }

  /** The image is being looked for, and pulled if that is needed. */
  record Pulling(int attempt, List<GpuUuid> gpus) implements Placed {
    public Pulling {
      gpus = List.copyOf(gpus);
    }
  }

  /**
   * The container is being created and started.
   *
   * @param bootId the boot of this machine under which the job came to this state
   * @param containerId the engine's id of the container; empty until the container was seen
   *     created. The container is started only after that, and from then on it may have run
   */
  record Starting(int attempt, List<GpuUuid> gpus, String bootId, Optional<String> containerId)
      implements Placed {
    public Starting {
      gpus = List.copyOf(gpus);
    }
  }

  /**
   * The container was seen running.
   *
   * @param bootId the boot of this machine under which the container runs; what the engine says
   *     under another boot proves nothing
   * @param containerId the engine's id of the container
   * @param run the name of this run of the container (Observation)
   * @param startedAt when the container started, as the engine reports it
   * @param deadline when the container is stopped; empty if it runs until it ends by itself
   */
  record Running(
      int attempt,
      List<GpuUuid> gpus,
      String bootId,
      String containerId,
      String run,
      Instant startedAt,
      Optional<Instant> deadline)
      implements Placed {
    public Running {
      gpus = List.copyOf(gpus);
    }
  }

  /**
   * The container is being stopped and removed.
   *
   * @param containerId the engine's id of the container; empty if none was recorded, so that this
   *     agent started none
   * @param bootId the boot of this machine under which the container was seen running; empty if it
   *     was not seen running
   * @param since when the job came to this state
   * @param startedAt when the container started; empty if it was not seen running
   * @param killAt when SIGKILL follows SIGTERM; empty until SIGTERM was sent
   * @param goneAt when the container was seen gone; after that, the job only waits for its devices
   */
  record Stopping(
      int attempt,
      List<GpuUuid> gpus,
      Optional<String> containerId,
      Optional<String> bootId,
      Ending ending,
      Instant since,
      Optional<Instant> startedAt,
      Optional<Instant> killAt,
      Optional<Instant> goneAt)
      implements Placed {
    public Stopping {
      gpus = List.copyOf(gpus);
    }

    Stopping withContainer(String id) {
      return with(Optional.of(id), ending, killAt, goneAt);
    }

    Stopping withEnding(Ending other) {
      return with(containerId, other, killAt, goneAt);
    }

    Stopping withKillAt(Instant at) {
      return with(containerId, ending, Optional.of(at), goneAt);
    }

    Stopping withGoneAt(Instant at) {
      return with(containerId, ending, killAt, Optional.of(at));
    }

    private Stopping with(
        Optional<String> container, Ending end, Optional<Instant> kill, Optional<Instant> gone) {
      return new Stopping(attempt, gpus, container, bootId, end, since, startedAt, kill, gone);
    }
  }

  /**
   * The artifacts are being uploaded to the store.
   *
   * @param unsyncedUnder the boot of this machine under which the run wrote its files; empty once
   *     the files are on disk. Under another boot nobody knows which parts of them are missing
   * @param giveUpAt when a failing upload is given up
   * @param failedUploads the number of failed uploads
   * @param notBefore the time before which no upload starts
   * @param lastFailure why the last upload failed; empty if none did, and in records of older
   *     agents
   */
  record Uploading(
      Optional<Instant> startedAt,
      Optional<String> unsyncedUnder,
      Instant giveUpAt,
      int failedUploads,
      Instant notBefore,
      Optional<String> lastFailure)
      implements Live {}

  /**
   * The job has succeeded, and its artifacts are in the store.
   *
   * @param artifact the object that clients fetch; empty if the model directory held no file
   * @param place where the artifacts are; empty in records of older agents, which means the
   *     configured store
   */
  record Succeeded(
      Instant finishedAt,
      Optional<Instant> startedAt,
      Optional<String> artifact,
      Optional<ArtifactPlace> place)
      implements Final {}

  /**
   * The job has failed.
   *
   * @param reason the words for the user
   * @param uploadable whether only the upload failed, so that {@code retry-upload} can still bring
   *     the job to success
   */
  record Failed(Instant finishedAt, Optional<Instant> startedAt, String reason, boolean uploadable)
      implements Final {}

  /** The job was deleted on request. It is reported as failed, and no callback is sent. */
  record Deleted(Instant finishedAt, Optional<Instant> startedAt, String by) implements Final {}
}
