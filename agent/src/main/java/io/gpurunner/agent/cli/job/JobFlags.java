package io.gpurunner.agent.cli.job;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.client.Surroundings;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** The options of {@code gpurunner submit} that describe a job, and the request made of them. */
final class JobFlags {
  private static final Pattern SIZE =
      Pattern.compile("(\\d{1,12})(MB?|GB?|TB?)", Pattern.CASE_INSENSITIVE);
  private static final long MEGABYTES_OF_GIGABYTE = 1000;
  private static final long USUAL_MEGABYTES = 10 * MEGABYTES_OF_GIGABYTE;
  private static final String SIZES = "a size with MB, GB or TB, for example 20GB";

  @Option(
      names = "--gpus",
      paramLabel = "N",
      description = "The number of GPUs; 1 if not given, 0 for none.")
  private Optional<Integer> gpus = Optional.empty();

  @Option(
      names = "--type",
      paramLabel = "TYPE",
      description =
          "The type of GPU, or a part of it, for example 3090. Needed if the machine has several.")
  private Optional<String> type = Optional.empty();

  @Option(names = "--image", paramLabel = "IMAGE", description = "The image.")
  private Optional<String> image = Optional.empty();

  @Option(
      names = "--ckpt",
      paramLabel = "PATH[:SIZE]",
      description =
          "Where the job sees its checkpoint directory, and its size; /ckpt:10GB if not given.")
  private Optional<String> ckpt = Optional.empty();

  @Option(
      names = "--model",
      paramLabel = "PATH[:SIZE]",
      description =
          "The same for the model directory, which is published; /model:10GB if not given.")
  private Optional<String> model = Optional.empty();

  @Option(
      names = "--time",
      paramLabel = "TIME",
      description =
          "Stop the job this long after its start, for example 2h. That counts as a success.")
  private Optional<String> time = Optional.empty();

  @Option(
      names = {"-e", "--env"},
      paramLabel = "NAME=VALUE",
      description = "A variable of the job. NAME alone: with the value that it has here.")
  private List<String> env = List.of();

  @Option(
      names = "--data",
      paramLabel = "NAME[:PATH]",
      description = "A data set of the machine, and where the job sees it; /data if not given.")
  private Optional<String> data = Optional.empty();

  @Option(
      names = "--pretrained",
      paramLabel = "NAME[:PATH]",
      description = "A model of the machine, and where the job sees it; /pretrained if not given.")
  private Optional<String> pretrained = Optional.empty();

  @Option(names = "--name", paramLabel = "NAME", description = "A name for lists.")
  private Optional<String> name = Optional.empty();

  @Option(
      names = "--job-type",
      paramLabel = "TYPE",
      description = "GeneralJob, Pytorch, TensorFlow or MPI; GeneralJob if not given.")
  private Optional<String> jobType = Optional.empty();

  @Option(
      names = "--priority",
      paramLabel = "P",
      description = "-1000 to 0, and to 1000 with an admin's token; jobs with more start first.")
  private Optional<Integer> priority = Optional.empty();

  @Option(
      names = "--retries",
      paramLabel = "N",
      description = "If it fails, run it again up to N times, 0 to 10.")
  private Optional<Integer> retries = Optional.empty();

  /** Returns whether one of the options was given. */
  boolean any() {
    return gpus.isPresent()
        || priority.isPresent()
        || retries.isPresent()
        || !env.isEmpty()
        || List.of(type, image, ckpt, model, time, data, pretrained, name, jobType).stream()
            .anyMatch(Optional::isPresent);
  }

  /**
   * Returns the request.
   *
   * @param command the words of the command; the image's own if there are none
   * @throws ParameterException naming the option that is wrong
   */
  ObjectNode request(ApiClient agent, Surroundings around, CommandSpec spec, List<String> command) {
    ObjectNode request = Json.object();
    request.put(
        "imagePath",
        image.orElseThrow(
            () -> wrong(spec, "--image: is missing; accepted: an image, or -f FILE")));
    request.put("jobType", jobType.orElse("GeneralJob"));
    mount(request, spec, "ckpt", ckpt);
    mount(request, spec, "model", model);
    time.ifPresent(text -> request.put("stopType", 1).put("stopTime", minutes(spec, text)));
    library(request, spec, "dataset", "/data", "--data", data);
    library(request, spec, "pretrainedModel", "/pretrained", "--pretrained", pretrained);
    name.ifPresent(text -> request.put("name", text));
    priority.ifPresent(number -> request.put("priority", number));
    retries.ifPresent(number -> request.put("retries", number));
    if (!env.isEmpty()) {
      request.set("env", variables(around, spec));
    }
    if (!command.isEmpty()) {
      request.put("runCommand", ShellQuoting.join(command));
    }
    int number = gpus.orElse(1);
    request.put("gpuNumber", number);
    if (number > 0) {
      request.put("gpuType", GpuChoice.type(agent, type));
    }
    return request;
  }

  private static void mount(
      ObjectNode request, CommandSpec spec, String kind, Optional<String> given) {
    String text = given.orElse("");
    int colon = text.lastIndexOf(':');
    String path = colon < 0 ? text : text.substring(0, colon);
    request.put(kind + "Path", path.isEmpty() ? "/" + kind : path);
    request.put(
        kind + "Vol",
        colon < 0 ? USUAL_MEGABYTES : megabytes(spec, kind, text.substring(colon + 1)));
  }

  private static long megabytes(CommandSpec spec, String kind, String text) {
    Matcher size = SIZE.matcher(text);
    if (!size.matches()) {
      throw wrong(spec, "--%s: the size was %s; accepted: %s".formatted(kind, text, SIZES));
    }
    long number = Long.parseLong(size.group(1));
    return switch (Character.toUpperCase(size.group(2).charAt(0))) {
      case 'M' -> number;
      case 'G' -> number * MEGABYTES_OF_GIGABYTE;
      default -> number * MEGABYTES_OF_GIGABYTE * MEGABYTES_OF_GIGABYTE;
    };
  }

  private static long minutes(CommandSpec spec, String text) {
    OptionalLong minutes =
        Spans.parse(text)
            .filter(span -> span.toSecondsPart() == 0)
            .map(Duration::toMinutes)
            .map(OptionalLong::of)
            .orElse(OptionalLong.empty());
    return minutes.orElseThrow(
        () ->
            wrong(
                spec, "--time: was " + text + "; accepted: whole minutes, for example 90m or 2h"));
  }

  private static void library(
      ObjectNode request,
      CommandSpec spec,
      String field,
      String usualPath,
      String option,
      Optional<String> given) {
    if (given.isEmpty()) {
      return;
    }
    int colon = given.get().indexOf(":/");
    String entry = colon < 0 ? given.get() : given.get().substring(0, colon);
    if (entry.isEmpty()) {
      throw wrong(spec, option + ": was " + given.get() + "; accepted: NAME or NAME:PATH");
    }
    request.put(field + "Name", entry);
    request.put(field + "Path", colon < 0 ? usualPath : given.get().substring(colon + 1));
  }

  private ObjectNode variables(Surroundings around, CommandSpec spec) {
    ObjectNode variables = Json.object();
    for (String variable : env) {
      int equals = variable.indexOf('=');
      if (equals == 0) {
        throw wrong(spec, "--env: was " + variable + "; accepted: NAME=VALUE");
      }
      if (equals > 0) {
        variables.put(variable.substring(0, equals), variable.substring(equals + 1));
      } else {
        variables.put(
            variable,
            Optional.ofNullable(around.environment().get(variable))
                .orElseThrow(
                    () -> wrong(spec, "--env: " + variable + " is not set here; give NAME=VALUE")));
      }
    }
    return variables;
  }

  private static ParameterException wrong(CommandSpec spec, String what) {
    return new ParameterException(spec.commandLine(), what);
  }
}
