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
 * Where a job stands. Each record carries only what exists then.
 *
 * <pre>
 * QUEUED → PREPARING → PULLING → STARTING → RUNNING → STOPPING → UPLOADING → SUCCEEDED | FAILED | DELETED
 *    ↑________________________________________________|  (a failed run with retries left)
 * </pre>
 *
 * From PREPARING on, whatever ends a run goes through STOPPING: the one place where a container is
 * stopped and removed and its GPUs are given back.
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
  /** The state's name as users see it. */
  default String label() {
    return getClass().getSimpleName().toUpperCase(Locale.ROOT);
  }

  /** A state that something can still follow by itself. */
  sealed interface Live extends JobState {}

  /** A run holds GPUs, and perhaps a container: PREPARING to STOPPING. */
  sealed interface Placed extends Live {
    /** 1 for the first run. */
    int attempt();

    /** The leased devices, in the order the container sees them; none for a job without GPUs. */
    List<GpuUuid> gpus();
  }

  /** The job has ended. */
  sealed interface Final extends JobState {
    Instant finishedAt();
  }

  /** Waits for its turn and its GPUs. */
  record Queued(int attempt) implements Live {}

  /** Holds its GPUs; its directories are being made. */
  record Preparing(int attempt, List<GpuUuid> gpus) implements Placed {
    public Preparing {
      gpus = List.copyOf(gpus);
    }
  }

  /**
   * The image is being pulled, where it is absent.
   *
   * @param failedPulls pulls that failed so far
   * @param notBefore when the next one may start
   */
  record Pulling(int attempt, List<GpuUuid> gpus, int failedPulls, Instant notBefore)
      implements Placed {
    public Pulling {
      gpus = List.copyOf(gpus);
    }
  }

  /**
   * The container is being made and started.
   *
   * @param bootId the boot of this machine under which that was decided
   * @param containerId the engine's id of the container once it was seen made; it is only started
   *     after that, and from then on may have run
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
   * @param bootId the boot of this machine it runs under; what is read of it under another proves
   *     nothing
   * @param containerId the engine's id of the container
   * @param run which run of that container (Observation)
   * @param startedAt the engine's own word
   * @param deadline when it is to be stopped; empty for a natural end
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
   * The container is on its way out.
   *
   * @param containerId the engine's id of it; empty where none was recorded, so that this agent
   *     started none
   * @param bootId the boot of this machine it was seen running under; empty where it was not
   * @param since when that was decided
   * @param startedAt when it had started, if it had
   * @param killAt when SIGKILL follows the SIGTERM that was sent; empty before that
   * @param goneAt when the container was seen gone; from then on only the devices are waited for
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
  }

  /**
   * The artifacts are being put in the store.
   *
   * @param unsyncedUnder the boot of this machine under which the run wrote its files; empty once
   *     they are on disk. Under another, nobody knows what they lack
   * @param giveUpAt end of the retry window
   * @param failedUploads uploads that failed so far
   * @param notBefore when the next one may start
   */
  record Uploading(
      Optional<Instant> startedAt,
      Optional<String> unsyncedUnder,
      Instant giveUpAt,
      int failedUploads,
      Instant notBefore)
      implements Live {}

  /**
   * Done, artifacts in the store.
   *
   * @param artifact the object clients fetch; empty where the model directory held no file
   * @param place where the artifacts lie; empty in records of agents that did not note it, which
   *     means the store that is configured
   */
  record Succeeded(
      Instant finishedAt,
      Optional<Instant> startedAt,
      Optional<String> artifact,
      Optional<ArtifactPlace> place)
      implements Final {}

  /**
   * Failed.
   *
   * @param reason for the user
   * @param uploadable the run was good and only its upload failed, so that {@code retry-upload} can
   *     mend it
   */
  record Failed(Instant finishedAt, Optional<Instant> startedAt, String reason, boolean uploadable)
      implements Final {}

  /** Deleted on request; reported as a failure without a callback. */
  record Deleted(Instant finishedAt, Optional<Instant> startedAt, String by) implements Final {}
}
