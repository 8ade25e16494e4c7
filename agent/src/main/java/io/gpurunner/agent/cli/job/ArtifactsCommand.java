package io.gpurunner.agent.cli.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpurunner.agent.cli.client.AgentOption;
import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.CommandFailedException;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.client.OutputOption;
import io.gpurunner.agent.cli.client.Surroundings;
import io.gpurunner.agent.cli.terminal.Plain;
import io.gpurunner.agent.cli.terminal.Sizes;
import io.gpurunner.agent.cli.terminal.TextTable;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code gpurunner artifacts}. */
@Command(
    name = "artifacts",
    description = "List what a job has published, or fetch it.",
    mixinStandardHelpOptions = true)
final class ArtifactsCommand implements Callable<Integer> {
  @Mixin private AgentOption agentOption;
  @Mixin private OutputOption output;
  @Spec private CommandSpec spec;

  @Option(
      names = "--get",
      paramLabel = "DIR",
      description =
          "Fetch all files into this directory, which is created if need be. Sizes are checked, and"
              + " of a file that is published as it is also the SHA-256. Nothing is written outside"
              + " the directory, and no file in it is replaced: one that is there already must be"
              + " the same, as after a download that broke. A file whose name begins with a dot is"
              + " fetched only into a new or empty directory, or one with other files of the job.")
  private Optional<Path> directory = Optional.empty();

  @Parameters(paramLabel = "JOB", description = JobNames.DESCRIPTION)
  private String name = "";

  private final Surroundings around;

  ArtifactsCommand(Surroundings around) {
    this.around = around;
  }

  @Override
  public Integer call() {
    if (directory.isPresent() && output.json()) {
      throw new ParameterException(spec.commandLine(), "--json: does not go with --get");
    }
    ApiClient agent = agentOption.connect(around);
    ApiClient.Answer answer =
        agent.get("/api/userJob/" + JobNames.find(agent, name) + "/artifacts");
    JsonNode json = answer.json();
    List<Artifact> files =
        Json.items(json, "files").stream().map(file -> Artifact.of(file, json)).toList();
    if (directory.isPresent()) {
      requireAny(files, json);
      new Download(agent, around, directory.get()).fetch(files);
    } else if (output.json()) {
      around.console().out().println(answer.printable());
    } else if (files.isEmpty()) {
      around.console().say(nothing(json));
    } else {
      output.print(table(files), around);
    }
    return ExitStatus.DONE;
  }

  private static void requireAny(List<Artifact> files, JsonNode json) {
    if (files.isEmpty()) {
      throw new CommandFailedException(nothing(json));
    }
  }

  private static String nothing(JsonNode json) {
    return Json.text(json, "reason").map(Plain::line).orElseGet(() -> byState(json));
  }

  private static String byState(JsonNode json) {
    String state = Json.text(json, "state").orElse("?").toLowerCase(Locale.ROOT);
    return state.equals("succeeded")
        ? "The job has succeeded, and left no files in its model directory."
        : "The job is "
            + Plain.line(state)
            + ", and has published nothing; files are published after a success.";
  }

  private static TextTable table(List<Artifact> files) {
    TextTable table = new TextTable("NAME", "SIZE", "SHA-256");
    for (Artifact file : files) {
      OptionalLong bytes = file.bytes();
      table.row(
          file.name(),
          bytes.isPresent() ? Sizes.words(bytes.getAsLong()) : "-",
          file.sha256().orElse("-"));
    }
    return table;
  }
}
