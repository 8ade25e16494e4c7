package io.gpurunner.agent.cli.top;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpurunner.agent.cli.client.Json;
import java.time.Instant;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Answers of an agent for tests, and what follows from them. */
final class Pictures {
  static final Instant T = Instant.parse("2026-03-01T12:00:00Z");

  static final String GPUS =
      """
      {"source":"NVML","gpus":[
       {"index":0,"uuid":"GPU-0","gpuProd":"NVIDIA-GeForce-RTX-3090","state":"leased",
        "user":"ann","job_id":"ai11111111-1111","memoryMegabytes":25769,
        "memoryUsedMegabytes":12884,"utilizationPercent":83,"temperatureCelsius":65,
        "powerMilliwatts":280000,"powerLimitMilliwatts":350000},
       {"index":1,"uuid":"GPU-1","gpuProd":"NVIDIA-H200","state":"free","memoryMegabytes":150754},
       {"index":2,"uuid":"GPU-2","gpuProd":"NVIDIA-H200","state":"quarantined",
        "reason":"XID 79: it has fallen off the bus","memoryMegabytes":150754}]}
      """;

  static final String JOBS =
      """
      {"totalElements":3,"content":[
       {"job_id":"ai33333333-3333","user":"张伟","name":"微调\\u001b[2J","state":"QUEUED",
        "gpuNumber":2,"gpuType":"NVIDIA-H200","createdAt":"2026-03-01T11:58:00Z",
        "queuePosition":2,"reason":"waits for NVIDIA-H200 behind a job ahead of it"},
       {"job_id":"ai22222222-2222","user":"bob","state":"QUEUED","gpuNumber":1,
        "gpuType":"NVIDIA-GeForce-RTX-3090","createdAt":"2026-03-01T11:30:00Z",
        "queuePosition":1,"latestStartAt":"2026-03-01T13:00:30Z",
        "reason":"waits for 1 × NVIDIA-GeForce-RTX-3090: 0 free, 1 held by another job"},
       {"job_id":"ai11111111-1111","user":"ann","name":"resnet","state":"RUNNING","gpuNumber":1,
        "gpuType":"NVIDIA-GeForce-RTX-3090","createdAt":"2026-03-01T11:00:00Z",
        "deadline":"2026-03-01T13:00:00Z"}]}
      """;

  private Pictures() {}

  static JsonNode json(String text) {
    return Json.parse(text).orElseThrow();
  }

  static Picture picture() {
    return Picture.of(json(GPUS), json(JOBS), T);
  }

  /** Returns a picture of many GPUs and jobs. */
  static Picture crowded(int gpus, int jobs) {
    String allGpus =
        IntStream.range(0, gpus)
            .mapToObj(
                "{\"index\":%1$d,\"uuid\":\"GPU-%1$d\",\"gpuProd\":\"X\",\"state\":\"free\"}"
                    ::formatted)
            .collect(Collectors.joining(","));
    String allJobs =
        IntStream.range(0, jobs)
            .mapToObj(
                "{\"job_id\":\"ai%1$08d\",\"user\":\"ann\",\"state\":\"QUEUED\",\"gpuNumber\":0}"
                    ::formatted)
            .collect(Collectors.joining(","));
    return Picture.of(
        json("{\"gpus\":[" + allGpus + "]}"),
        json("{\"totalElements\":5000,\"content\":[" + allJobs + "]}"),
        T);
  }

  /** Returns what is known after so many pictures. */
  static State seen(Picture picture, int times) {
    State state = State.first("http://gpu1:8080");
    for (int time = 0; time < times; time++) {
      state = state.heard(new Event.Came(picture), 24).state();
    }
    return state;
  }

  /** Returns what is known after some keys. */
  static State pressed(State state, String... keys) {
    State now = state;
    for (String key : keys) {
      now = now.heard(new Event.Pressed(Key.of(key), true), 24).state();
    }
    return now;
  }
}
