package io.gpurunner.agent.cli.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.terminal.Ages;
import io.gpurunner.agent.cli.terminal.Plain;
import io.gpurunner.agent.cli.terminal.TextTable;
import io.gpurunner.agent.cli.terminal.TextTable.Cell;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** Writes everything about one job for a reader. One object writes one job. */
final class JobSummary {
  private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss");
  private static final int LABEL_WIDTH = 10;

  private final JobView job;
  private final Clock clock;
  private final Optional<Integer> columns;
  private final boolean coloured;
  private final StringBuilder text = new StringBuilder();

  /**
   * @param columns the width to which tables are cut
   */
  JobSummary(JobView job, Clock clock, Optional<Integer> columns, boolean coloured) {
    this.job = job;
    this.clock = clock;
    this.columns = columns;
    this.coloured = coloured;
  }

  /** Returns the text without the last end of a line. */
  String write() {
    field("job", Optional.of(job.id()));
    field("name", job.name());
    field("user", job.user());
    state();
    field("reason", job.reason());
    field("labels", labels());
    request();
    times();
    field("artifacts", job.url());
    Json.texts(job.json(), "warnings").forEach(warning -> field("warning", Optional.of(warning)));
    section("use of GPUs", Json.items(job.json(), "gpuUse"), this::use);
    section("history", Json.items(job.json(), "events"), this::history);
    return text.toString().stripTrailing();
  }

  private void state() {
    String word = Plain.line(job.stateWord());
    String painted = job.colour().filter(_ -> coloured).map(it -> it.of(word)).orElse(word);
    line("state", painted + job.place().map(place -> ", " + place + " in the queue").orElse(""));
  }

  private Optional<String> labels() {
    return Optional.ofNullable(job.json().get("labels"))
        .filter(JsonNode::isObject)
        .map(
            labels ->
                String.join(
                    ", ",
                    labels
                        .propertyStream()
                        .map(label -> label.getKey() + "=" + label.getValue().asText())
                        .toList()));
  }

  private void request() {
    JsonNode json = job.json();
    List<String> held = Json.texts(json, "gpus");
    field("gpus", Optional.of(job.gpus() + (held.isEmpty() ? "" : ": " + String.join(", ", held))));
    field("image", Json.text(json, "imagePath"));
    field("digest", Json.text(json, "imageDigest"));
    field("command", Json.text(json, "runCommand"));
    field("ckpt", mount("ckpt"));
    field("model", mount("model"));
    field("data", library("dataset"));
    field("pretrained", library("pretrainedModel"));
    field("resumes", Json.text(json, "resumeFrom"));
    number("priority");
    number("retries");
  }

  private Optional<String> mount(String kind) {
    Optional<String> size = Json.text(job.json(), kind + "Vol").map(value -> ", " + value + " MB");
    return Json.text(job.json(), kind + "Path").map(path -> path + size.orElse(""));
  }

  private Optional<String> library(String kind) {
    return Json.text(job.json(), kind + "Name")
        .map(name -> name + " at " + Json.text(job.json(), kind + "Path").orElse("?"));
  }

  private void number(String key) {
    OptionalLong value = Json.number(job.json(), key);
    if (value.orElse(0) != 0) {
      field(key, Optional.of(Long.toString(value.getAsLong())));
    }
  }

  private void times() {
    field("created", job.time("createdAt").map(this::past));
    field("starts", job.time("latestStartAt").map(time -> "at the latest about " + future(time)));
    field("started", job.time("startedAt").map(this::past));
    field("stops", job.time("deadline").filter(_ -> !job.hasEnded()).map(this::future));
    field("ended", job.time("finishedAt").map(this::past));
  }

  private String past(Instant time) {
    return local(time) + " (" + Ages.ago(Duration.between(time, clock.instant())) + ")";
  }

  private String future(Instant time) {
    String away = Ages.words(Duration.between(clock.instant(), time));
    return local(time) + " (in " + away + ")";
  }

  private String local(Instant time) {
    return TIME.format(time.atZone(clock.getZone()));
  }

  private TextTable use(List<JsonNode> all) {
    TextTable table =
        new TextTable(
            "RUN", "GPU", "HELD", "IN USE", "LAST MINUTE", "MOST MEMORY", "ENERGY", "SLOW");
    for (JsonNode gpu : all) {
      OptionalLong held = Json.number(gpu, "heldSeconds");
      table.row(
          number(gpu, "run", ""),
          Json.text(gpu, "gpu").orElse("-"),
          held.isPresent() ? Ages.words(Duration.ofSeconds(held.getAsLong())) : "-",
          number(gpu, "utilizationPercent", " %"),
          number(gpu, "recentPercent", " %"),
          number(gpu, "peakMemoryMegabytes", " MB"),
          number(gpu, "energyJoules", " J"),
          String.join(", ", Json.texts(gpu, "slowdowns")));
    }
    return table;
  }

  private static String number(JsonNode from, String key, String unit) {
    OptionalLong value = Json.number(from, key);
    return value.isPresent() ? value.getAsLong() + unit : "-";
  }

  private TextTable history(List<JsonNode> events) {
    TextTable table = new TextTable("TIME", "EVENT", "WHAT").wrappingLast();
    for (JsonNode event : events) {
      table.add(
          List.of(
              Cell.of(Json.time(event, "at").map(this::local).orElse("-")),
              Cell.of(Json.text(event, "kind").orElse("-")),
              Cell.of(Json.text(event, "message").orElse(""))));
    }
    return table;
  }

  /** Writes a table of what happened to a job, or of what it used. */
  private interface Rows {
    TextTable of(List<JsonNode> items);
  }

  private void section(String title, List<JsonNode> items, Rows rows) {
    if (!items.isEmpty()) {
      text.append(System.lineSeparator()).append(title).append(System.lineSeparator());
      text.append(rows.of(items).text(columns, coloured)).append(System.lineSeparator());
    }
  }

  private void field(String label, Optional<String> value) {
    value.filter(words -> !words.isEmpty()).ifPresent(words -> line(label, Plain.line(words)));
  }

  private void line(String label, String value) {
    text.append(label).append(" ".repeat(LABEL_WIDTH + 1 - label.length())).append(value);
    text.append(System.lineSeparator());
  }
}
