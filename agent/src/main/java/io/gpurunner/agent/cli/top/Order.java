package io.gpurunner.agent.cli.top;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.job.JobView;
import java.time.Instant;
import java.util.Comparator;

/** The order in which jobs are listed. */
enum Order {
  /** Placed jobs, then waiting ones by their place. */
  QUEUE("queue"),
  AGE("age"),
  USER("user"),
  GPUS("gpus");

  private static final Comparator<JobView> BY_AGE = Comparator.comparing(Order::created);
  private static final Comparator<JobView> BY_PLACE =
      Comparator.comparingLong(Order::position).thenComparing(BY_AGE);

  private final String word;

  Order(String word) {
    this.word = word;
  }

  String word() {
    return word;
  }

  Comparator<JobView> comparator() {
    return switch (this) {
      case QUEUE -> BY_PLACE;
      case AGE -> BY_AGE;
      case USER ->
          Comparator.comparing((JobView job) -> job.user().orElse("")).thenComparing(BY_PLACE);
      case GPUS -> Comparator.comparingLong((JobView job) -> -gpus(job)).thenComparing(BY_AGE);
    };
  }

  Order next() {
    return switch (this) {
      case QUEUE -> AGE;
      case AGE -> USER;
      case USER -> GPUS;
      case GPUS -> QUEUE;
    };
  }

  /** A job that was queued just now has no place yet. */
  private static long position(JobView job) {
    return number(job.json(), "queuePosition", job.isIn("QUEUED") ? Long.MAX_VALUE : 0);
  }

  private static long gpus(JobView job) {
    return number(job.json(), "gpuNumber", 0);
  }

  private static long number(JsonNode json, String key, long otherwise) {
    return Json.number(json, key).orElse(otherwise);
  }

  private static Instant created(JobView job) {
    return job.time("createdAt").orElse(Instant.MAX);
  }
}
