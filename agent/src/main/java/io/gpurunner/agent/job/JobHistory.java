package io.gpurunner.agent.job;

import io.gpurunner.api.JobDetail;
import io.gpurunner.gpu.GpuUuid;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Puts events into words, for the job's history. Pure. */
public final class JobHistory {
  /** The kind of the line that says which GPUs a run got. */
  public static final String LEASED = "leased";

  /** The kind of the line that says that a run's container started. */
  public static final String STARTED = "started";

  /** The kind of the line that says that older lines were removed. */
  public static final String TRIMMED = "trimmed";

  /** The kind of the line that says how a run ends. */
  public static final String ENDING = "ending";

  /** The kind of the line that says why a container could not be started. */
  public static final String NOT_STARTED = "not-started";

  /** The kind of the line that says that a job is back in the queue for the same run. */
  public static final String QUEUED_AGAIN = "queued-again";

  /** The kind of the line that says that a failed run is followed by another. */
  public static final String RETRY = "retry";

  private JobHistory() {}

  /** One line of a job's history. */
  public record Line(Instant at, String kind, String message) {}

  /** Returns all lines of an event, oldest first. */
  public static List<Line> linesOf(JobEvent event, Instant at) {
    Stream<Line> more =
        switch (event) {
          case JobEvent.Uploaded uploaded ->
              uploaded.warnings().stream()
                  .map(warning -> new Line(at, JobDetail.Event.WARNING, warning));
          case JobEvent.Pulled pulled ->
              pulled.digest().stream().map(digest -> new Line(at, JobDetail.Event.IMAGE, digest));
          case JobEvent.GpusReleased released ->
              released.use().stream().map(use -> new Line(at, "gpu-use", use.words()));
          default -> Stream.empty();
        };
    return Stream.concat(Stream.of(describe(event, at)), more).toList();
  }

  /** Returns the first line of an event. */
  public static Line describe(JobEvent event, Instant at) {
    return switch (event) {
      case JobEvent.Leased leased -> new Line(at, LEASED, devices(leased.gpus()));
      case JobEvent.Prepared _ -> new Line(at, "prepared", "the job's directories are ready");
      case JobEvent.Pulled pulled ->
          new Line(
              at,
              "image-present",
              "the image is on this machine" + pulled.note().map(note -> "; " + note).orElse(""));
      case JobEvent.Made _ -> new Line(at, "made", "the container is created");
      case JobEvent.Found found ->
          new Line(at, "found", "a container of this run was found: " + found.containerId());
      case JobEvent.Started started ->
          new Line(
              at,
              STARTED,
              "the container started at "
                  + seconds(started.startedAt())
                  + started
                      .deadline()
                      .map(deadline -> ", and will be stopped at " + seconds(deadline))
                      .orElse(""));
      case JobEvent.RunEnded(Ending.NotStarted ending, Instant _) ->
          new Line(at, NOT_STARTED, ending.reason());
      case JobEvent.RunEnded ended -> new Line(at, ENDING, describe(ended.ending()));
      case JobEvent.StopSignalled signalled ->
          new Line(
              at,
              "stop-signalled",
              signalled.what() + "; SIGKILL follows at " + seconds(signalled.killAt()));
      case JobEvent.ContainerGone _ -> new Line(at, "container-gone", "the container is gone");
      case JobEvent.GpusReleased released ->
          new Line(
              at,
              "released",
              released.stillBusy().isEmpty()
                  ? "the leases ended, and the GPUs are free"
                  : "the leases ended, although GPUs did not come free in time: "
                      + String.join("; ", released.stillBusy())
                      + "; no job gets these GPUs until they are free");
      case JobEvent.Synced _ ->
          new Line(at, "synced", "the run's files are on this machine's disk");
      case JobEvent.UploadPostponed postponed ->
          new Line(
              at,
              "upload-failed",
              postponed.reason() + "; next try not before " + seconds(postponed.notBefore()));
      case JobEvent.Uploaded uploaded ->
          new Line(
              at,
              "uploaded",
              uploaded
                  .artifact()
                  .map(file -> "the artifacts are complete: " + file)
                  .orElse("the model directory held no file"));
      case JobEvent.UploadGivenUp givenUp -> new Line(at, "upload-given-up", givenUp.reason());
      case JobEvent.Removed removed -> new Line(at, "deleted", "deleted by " + removed.by());
      case JobEvent.UploadResumed _ ->
          new Line(at, "upload-resumed", "the upload is retried on request");
    };
  }

  private static Instant seconds(Instant at) {
    return at.truncatedTo(ChronoUnit.SECONDS);
  }

  private static String describe(Ending ending) {
    return switch (ending) {
      case Ending.Completed _ -> "the container ended with exit code 0";
      case Ending.TimeUp _ -> "stop time reached";
      case Ending.Broken broken -> broken.reason();
      case Ending.NotStarted notStarted -> notStarted.reason();
      case Ending.DeletedBy deleted -> "deleted by " + deleted.user();
    };
  }

  private static String devices(List<GpuUuid> gpus) {
    return gpus.isEmpty()
        ? "starts without GPUs"
        : "GPUs " + gpus.stream().map(GpuUuid::value).collect(Collectors.joining(", "));
  }
}
