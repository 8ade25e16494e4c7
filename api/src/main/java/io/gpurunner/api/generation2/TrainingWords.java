package io.gpurunner.api.generation2;

import io.vertx.core.json.JsonObject;
import java.util.Locale;

/**
 * How the second generation tells the status of a job: as a word, and as its number. Of the cloud's
 * words, {@code assigned}, {@code paused} and {@code pausing} (1, 4, 5) stand for nothing here.
 */
public enum TrainingWords {
  NOTASSIGNED(0),
  DATAPREPARING(2),
  PENDING(3),
  RUNNING(6),
  FAILED(7),
  SUCCEEDED(8),
  STOPPED(9);

  private final int number;

  TrainingWords(int number) {
    this.number = number;
  }

  /**
   * Returns the word for a state.
   *
   * @param state the exact state's name ({@code QUEUED} … {@code DELETED})
   */
  public static TrainingWords of(String state) {
    return switch (state) {
      case "QUEUED" -> NOTASSIGNED;
      case "PREPARING" -> DATAPREPARING;
      case "PULLING", "STARTING" -> PENDING;
      case "RUNNING", "STOPPING", "UPLOADING" -> RUNNING;
      case "SUCCEEDED" -> SUCCEEDED;
      case "FAILED" -> FAILED;
      case "DELETED" -> STOPPED;
      default -> throw new IllegalArgumentException("no state of a job: " + state);
    };
  }

  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Changes a row of the first generation's list into one of the second's. */
  public static JsonObject row(JsonObject row) {
    TrainingWords status = of(row.getString("state"));
    return row.put("status", status.word()).put("workStatus", status.number);
  }
}
