package io.gpurunner.agent.job;

import io.gpurunner.gpu.GpuUuid;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.stream.Collectors;

/** Events in words, for the job's history. */
public final class JobHistory {
  private JobHistory() {}

  /** One line of a job's history. */
  public record Line(Instant at, String kind, String message) {}

  /** The line that an event leaves. */
  public static Line describe(JobEvent event, Instant at) {
    return switch (event) {
      case JobEvent.Leased leased -> new Line(at, "leased", devices(leased.gpus()));
      case JobEvent.Prepared _ -> new Line(at, "prepared", "directories are there");
      case JobEvent.PullPostponed postponed ->
          new Line(
              at,
              "pull-failed",
              postponed.reason() + "; next try not before " + seconds(postponed.notBefore()));
      case JobEvent.Pulled _ -> new Line(at, "image-present", "image is on this machine");
      case JobEvent.Made _ -> new Line(at, "made", "its container is made");
      case JobEvent.Found found ->
          new Line(at, "found", "a container of this run is there: " + found.containerId());
      case JobEvent.Started started ->
          new Line(
              at,
              "started",
              "container started at "
                  + seconds(started.startedAt())
                  + started
                      .deadline()
                      .map(deadline -> ", to be stopped at " + seconds(deadline))
                      .orElse(""));
      case JobEvent.RunEnded ended -> new Line(at, "ending", describe(ended.ending()));
      case JobEvent.StopSignalled signalled ->
          new Line(
              at,
              "stop-signalled",
              "SIGTERM sent; SIGKILL follows at " + seconds(signalled.killAt()));
      case JobEvent.ContainerGone _ -> new Line(at, "container-gone", "its container is gone");
      case JobEvent.GpusReleased released ->
          new Line(
              at,
              "released",
              released.stillBusy().isEmpty()
                  ? "leases ended, GPUs are free"
                  : "leases ended after waiting in vain: "
                      + String.join("; ", released.stillBusy())
                      + "; not handed out until that ends");
      case JobEvent.Synced _ -> new Line(at, "synced", "what it left is on this machine's disk");
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
                  .map(file -> "artifacts are complete: " + file)
                  .orElse("the model directory held no file"));
      case JobEvent.UploadGivenUp givenUp -> new Line(at, "upload-given-up", givenUp.reason());
      case JobEvent.Removed removed -> new Line(at, "deleted", "deleted by " + removed.by());
      case JobEvent.UploadResumed _ ->
          new Line(at, "upload-resumed", "upload is tried again on request");
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
      case Ending.DeletedBy deleted -> "deleted by " + deleted.user();
    };
  }

  private static String devices(List<GpuUuid> gpus) {
    return gpus.isEmpty()
        ? "starts without GPUs"
        : "GPUs " + gpus.stream().map(GpuUuid::value).collect(Collectors.joining(", "));
  }
}
