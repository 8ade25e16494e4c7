package io.gpurunner.agent.cli;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.PrintWriter;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/**
 * {@code gpurunner gpus}: lists the GPUs, and is the group of what an administrator does to one.
 */
@Command(
    name = "gpus",
    description = "List the GPUs: what each can be used for, and why not.",
    mixinStandardHelpOptions = true)
final class GpusCommand implements Callable<Integer> {
  private static final int SHORT_ID_LENGTH = 10;

  @Mixin private ConfigOption config;
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    JsonObject report = LocalAgent.ask(config.load(), agent -> agent.get("/api/gpus"));
    PrintWriter out = spec.commandLine().getOut();
    out.println(report.getString("source"));
    Optional.ofNullable(report.getString("fault"))
        .ifPresent(fault -> out.println("They cannot be read now: " + fault));
    JsonArray gpus = report.getJsonArray("gpus");
    if (!gpus.isEmpty()) {
      out.println(table(gpus));
      gpus.stream()
          .map(JsonObject.class::cast)
          .forEach(
              gpu -> {
                remark(gpu, "reason").ifPresent(out::println);
                remark(gpu, "suspect").ifPresent(out::println);
              });
    }
    return CommandLineInterface.DONE;
  }

  private static TextTable table(JsonArray gpus) {
    TextTable table =
        new TextTable(
            "GPU",
            "UUID",
            "TYPE",
            "STATE",
            "JOB OF",
            "MEMORY",
            "USE",
            "TEMP",
            "POWER",
            "PROCESSES");
    for (Object each : gpus) {
      JsonObject gpu = (JsonObject) each;
      table.row(
          index(gpu),
          gpu.getString("uuid"),
          gpu.getString("gpuProd"),
          gpu.getString("state") + (gpu.containsKey("suspect") ? ", suspect" : ""),
          Optional.ofNullable(gpu.getString("user")).map(user -> user + job(gpu)).orElse("-"),
          memory(gpu),
          number(gpu, "utilizationPercent", 1, " %"),
          number(gpu, "temperatureCelsius", 1, " °C"),
          number(gpu, "powerMilliwatts", 1000, " W"),
          processes(gpu.getJsonArray("processes")));
    }
    return table;
  }

  private static String index(JsonObject gpu) {
    return Optional.ofNullable(gpu.getLong("index")).map(Object::toString).orElse("-");
  }

  private static String job(JsonObject gpu) {
    return Optional.ofNullable(gpu.getString("job_id"))
        .map(id -> " (" + id.substring(0, Math.min(SHORT_ID_LENGTH, id.length())) + "…)")
        .orElse("");
  }

  private static String memory(JsonObject gpu) {
    Optional<Long> size = Optional.ofNullable(gpu.getLong("memoryMegabytes"));
    Optional<Long> used = Optional.ofNullable(gpu.getLong("memoryUsedMegabytes"));
    return size.map(all -> used.map(Object::toString).orElse("?") + "/" + all + " MB").orElse("-");
  }

  /** What the driver does not tell is a dash, and never 0. */
  private static String number(JsonObject gpu, String key, long divisor, String unit) {
    return Optional.ofNullable(gpu.getLong(key)).map(value -> value / divisor + unit).orElse("-");
  }

  private static String processes(JsonArray processes) {
    return processes.isEmpty()
        ? "-"
        : processes.stream()
            .map(JsonObject.class::cast)
            .map(
                process ->
                    process.getLong("pid")
                        + " "
                        + Optional.ofNullable(process.getString("command")).orElse("?")
                        + (process.getString("role").equals("job")
                            ? ""
                            : " (" + process.getString("role") + ")"))
            .collect(Collectors.joining(", "));
  }

  private static Optional<String> remark(JsonObject gpu, String key) {
    String name =
        gpu.containsKey("index") ? "GPU " + index(gpu) : String.valueOf(gpu.getString("busId"));
    return Optional.ofNullable(gpu.getString(key)).map(words -> name + ": " + words);
  }
}
