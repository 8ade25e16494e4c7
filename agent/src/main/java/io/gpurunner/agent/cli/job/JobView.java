package io.gpurunner.agent.cli.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.terminal.Ages;
import io.gpurunner.agent.cli.terminal.Colour;
import io.gpurunner.agent.cli.terminal.GpuTypes;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * A job as the agent shows it, in a list or alone.
 *
 * @param json what the agent answered
 */
public record JobView(JsonNode json) {
  private static final int SHORT_ID_LENGTH = 10;
  private static final Set<String> ENDED = Set.of("SUCCEEDED", "FAILED", "DELETED");

  public String id() {
    return Json.text(json, "job_id").orElse("?");
  }

  /** Returns the beginning of the id, which tells the jobs of a machine apart. */
  public String shortId() {
    return id().substring(0, Math.min(SHORT_ID_LENGTH, id().length()));
  }

  public String state() {
    return Json.text(json, "state").orElse("?");
  }

  /** Returns the state in lower case, as it is printed. */
  public String stateWord() {
    return state().toLowerCase(Locale.ROOT);
  }

  public boolean isIn(String state) {
    return state().equals(state);
  }

  boolean hasEnded() {
    return ENDED.contains(state());
  }

  boolean hasSucceeded() {
    return isIn("SUCCEEDED");
  }

  public Optional<Colour> colour() {
    return switch (state()) {
      case "RUNNING", "SUCCEEDED" -> Optional.of(Colour.GREEN);
      case "QUEUED" -> Optional.of(Colour.YELLOW);
      case "FAILED" -> Optional.of(Colour.RED);
      case "PREPARING", "PULLING", "STARTING", "STOPPING", "UPLOADING" -> Optional.of(Colour.CYAN);
      default -> Optional.empty();
    };
  }

  public Optional<String> name() {
    return Json.text(json, "name");
  }

  public Optional<String> user() {
    return Json.text(json, "user");
  }

  public Optional<String> reason() {
    return Json.text(json, "reason").filter(text -> !text.isBlank());
  }

  Optional<String> url() {
    return Json.text(json, "url");
  }

  public Optional<Instant> time(String key) {
    return Json.time(json, key);
  }

  /** Returns when the job came into the part of its life in which it is. */
  public Optional<Instant> since() {
    return time("finishedAt").or(() -> time("startedAt")).or(() -> time("createdAt"));
  }

  /** Returns the place in the queue, in words. */
  public Optional<String> place() {
    return Json.number(json, "queuePosition").stream()
        .mapToObj(position -> "place " + position)
        .findFirst();
  }

  /** Returns what to know about the job besides its state: its place, why it waits, its end. */
  public String note(Instant now) {
    Optional<String> end =
        time("deadline")
            .filter(_ -> isIn("RUNNING"))
            .map(at -> "stops in " + Ages.words(Duration.between(now, at)));
    Optional<String> where =
        place().map(place -> place + latestStart(now).map(start -> ", " + start).orElse(""));
    return reason()
        .map(why -> where.map(place -> place + ": " + why).orElse(why))
        .or(() -> where)
        .or(() -> end)
        .orElse("");
  }

  /** Returns in words when a waiting job starts at the latest. It is empty if that is not known. */
  Optional<String> latestStart(Instant now) {
    return time("latestStartAt")
        .map(at -> "starts within " + Ages.words(Duration.between(now, at)));
  }

  /** Returns the number of GPUs and their type. */
  String gpus() {
    return gpus(" × ", type());
  }

  private String gpus(String times, String type) {
    long number = Json.number(json, "gpuNumber").orElse(0);
    return number == 0 ? "-" : number + times + type;
  }

  private String type() {
    return Json.text(json, "gpuType").orElse("?");
  }

  /** Returns the number of GPUs and the end of their type, which tells it apart. */
  public String shortGpus() {
    return gpus("×", GpuTypes.brief(type()));
  }
}
