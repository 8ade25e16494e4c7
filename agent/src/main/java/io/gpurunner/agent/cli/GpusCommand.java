package io.gpurunner.agent.cli;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpurunner.agent.cli.client.AgentOption;
import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.client.OutputOption;
import io.gpurunner.agent.cli.client.Surroundings;
import io.gpurunner.agent.cli.terminal.Colour;
import io.gpurunner.agent.cli.terminal.GpuTypes;
import io.gpurunner.agent.cli.terminal.Plain;
import io.gpurunner.agent.cli.terminal.TextTable;
import io.gpurunner.agent.cli.terminal.TextTable.Cell;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/**
 * {@code gpurunner gpus}: lists the GPUs, and is the group of what an administrator does to one.
 */
@Command(
    name = "gpus",
    description = "List the GPUs: what each can be used for, and why not.",
    mixinStandardHelpOptions = true)
final class GpusCommand implements Callable<Integer> {
  private static final List<String> HEADINGS =
      List.of("GPU", "TYPE", "STATE", "JOB OF", "MEMORY", "USE", "TEMP", "POWER", "PROCESSES");

  private static final int SHORT_ID_LENGTH = 10;

  /** On a narrower terminal, UUIDs and ids would take the room of everything else. */
  private static final int WHOLE_TABLE_COLUMNS = 140;

  @Mixin private AgentOption agentOption;
  @Mixin private OutputOption output;

  private final Surroundings around;

  GpusCommand(Surroundings around) {
    this.around = around;
  }

  @Override
  public Integer call() {
    ApiClient.Answer answer = agentOption.connect(around).get("/api/gpus");
    PrintWriter out = around.console().out();
    if (output.json()) {
      out.println(answer.printable());
      return ExitStatus.DONE;
    }
    JsonNode report = answer.json();
    out.println(Plain.line(Json.text(report, "source").orElse("?")));
    Json.text(report, "fault")
        .ifPresent(fault -> out.println("They cannot be read now: " + Plain.line(fault)));
    List<JsonNode> gpus = Json.items(report, "gpus");
    if (!gpus.isEmpty()) {
      output.print(table(gpus), around);
      gpus.forEach(
          gpu -> {
            remark(gpu, "reason").ifPresent(out::println);
            remark(gpu, "suspect").ifPresent(out::println);
          });
    }
    return ExitStatus.DONE;
  }

  private TextTable table(List<JsonNode> gpus) {
    boolean whole =
        around.console().tableColumns().filter(most -> most < WHOLE_TABLE_COLUMNS).isEmpty();
    List<String> headings = new ArrayList<>(HEADINGS);
    if (whole) {
      headings.add(1, "UUID");
    }
    TextTable table = new TextTable(headings);
    for (JsonNode gpu : gpus) {
      List<Cell> cells = cells(gpu, whole);
      if (whole) {
        cells.add(1, Cell.of(Json.text(gpu, "uuid").orElse("-")));
      }
      table.add(cells);
    }
    return table;
  }

  /**
   * @param whole whether there is room for everything
   */
  private static List<Cell> cells(JsonNode gpu, boolean whole) {
    String type = Json.text(gpu, "gpuProd").orElse("-");
    List<Cell> cells = new ArrayList<>();
    cells.add(Cell.of(index(gpu)));
    cells.add(Cell.of(whole ? type : GpuTypes.brief(type)));
    cells.add(state(gpu));
    cells.add(
        Cell.of(Json.text(gpu, "user").map(user -> whole ? user + job(gpu) : user).orElse("-")));
    cells.add(Cell.of(whole ? memory(gpu, 1, " MB") : memory(gpu, 1000, " GB")));
    cells.add(Cell.of(number(gpu, "utilizationPercent", 1, " %")));
    cells.add(Cell.of(number(gpu, "temperatureCelsius", 1, " °C")));
    cells.add(Cell.of(number(gpu, "powerMilliwatts", 1000, " W")));
    cells.add(Cell.of(processes(gpu)));
    return cells;
  }

  private static Cell state(JsonNode gpu) {
    String word = Json.text(gpu, "state").orElse("-");
    boolean suspect = gpu.has("suspect");
    Optional<Colour> colour =
        switch (word) {
          case "free" -> Optional.of(Colour.GREEN);
          case "leased" -> Optional.of(Colour.CYAN);
          default -> Optional.of(Colour.RED);
        };
    return new Cell(
        word + (suspect ? ", suspect" : ""), suspect ? Optional.of(Colour.YELLOW) : colour);
  }

  private static String index(JsonNode gpu) {
    return number(gpu, "index", 1, "");
  }

  private static String job(JsonNode gpu) {
    return Json.text(gpu, "job_id")
        .map(id -> " (" + id.substring(0, Math.min(SHORT_ID_LENGTH, id.length())) + "…)")
        .orElse("");
  }

  private static String memory(JsonNode gpu, long divisor, String unit) {
    String size = number(gpu, "memoryMegabytes", divisor, unit);
    String used = number(gpu, "memoryUsedMegabytes", divisor, "");
    return size.equals("-") ? size : (used.equals("-") ? "?" : used) + "/" + size;
  }

  /** What the driver does not tell is a dash, and never 0. */
  private static String number(JsonNode gpu, String key, long divisor, String unit) {
    OptionalLong value = Json.number(gpu, key);
    return value.isPresent() ? value.getAsLong() / divisor + unit : "-";
  }

  private static String processes(JsonNode gpu) {
    List<JsonNode> processes = Json.items(gpu, "processes");
    return processes.isEmpty()
        ? "-"
        : processes.stream().map(GpusCommand::process).collect(Collectors.joining(", "));
  }

  private static String process(JsonNode process) {
    String role = Json.text(process, "role").orElse("?");
    return Json.number(process, "pid").orElse(0)
        + " "
        + Json.text(process, "command").orElse("?")
        + (role.equals("job") ? "" : " (" + role + ")");
  }

  private static Optional<String> remark(JsonNode gpu, String key) {
    String name = gpu.has("index") ? "GPU " + index(gpu) : Json.text(gpu, "busId").orElse("?");
    return Json.text(gpu, key).map(words -> Plain.line(name + ": " + words));
  }
}
