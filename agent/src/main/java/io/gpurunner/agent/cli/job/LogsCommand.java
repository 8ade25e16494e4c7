package io.gpurunner.agent.cli.job;

import io.gpurunner.agent.cli.client.AgentOption;
import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.Surroundings;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code gpurunner logs}. */
@Command(
    name = "logs",
    description = {
      "Print the output of a job.",
      "What is not output, for example what the job waits for, goes to standard error."
    },
    mixinStandardHelpOptions = true)
final class LogsCommand implements Callable<Integer> {
  @Mixin private AgentOption agentOption;
  @Spec private CommandSpec spec;

  @Option(
      names = {"-f", "--follow"},
      description =
          "Go on until the job has ended. Then say how. The exit status is 0, also if the job has"
              + " failed.")
  private boolean follow;

  @Option(
      names = {"-n", "--tail"},
      paramLabel = "N",
      description = "Only the last N lines of what is there.")
  private Optional<Long> tail = Optional.empty();

  @Option(
      names = "--since",
      paramLabel = "TIME",
      description = "Only what is newer: 10m, or a time as RFC 3339 writes it.")
  private Optional<String> since = Optional.empty();

  @Option(
      names = "--attempt",
      paramLabel = "N",
      description = "Only of this run, from 1; of all runs if not given.")
  private Optional<Integer> attempt = Optional.empty();

  @Option(names = "--stream", paramLabel = "STREAM", description = "Only stdout, or only stderr.")
  private Optional<String> stream = Optional.empty();

  @Option(names = "--grep", paramLabel = "TEXT", description = "Only lines that contain this text.")
  private Optional<String> grep = Optional.empty();

  @Option(
      names = "--raw",
      description =
          "Pass on to a terminal all that the job printed. Without it, a terminal gets colours and"
              + " no other control sequences, because these could act on it. In a pipe or a file,"
              + " everything is always as the job printed it.")
  private boolean raw;

  @Parameters(paramLabel = "JOB", description = JobNames.DESCRIPTION)
  private String name = "";

  private final Surroundings around;

  LogsCommand(Surroundings around) {
    this.around = around;
  }

  @Override
  public Integer call() {
    refuseUnless(tail.orElse(0L) >= 0, "--tail", tail, "0 or more");
    refuseUnless(attempt.orElse(1) >= 1, "--attempt", attempt, "1 or more");
    refuseUnless(
        stream.filter(word -> !word.equals("stdout") && !word.equals("stderr")).isEmpty(),
        "--stream",
        stream,
        "stdout, stderr");
    ApiClient agent = agentOption.connect(around);
    String job = JobNames.find(agent, name);
    String path = "/api/userJob/" + job + "/logs?follow=" + (follow ? 1 : 0);
    String filters =
        parameter("attempt", attempt) + parameter("stream", stream) + parameter("grep", grep);
    LogSelection selection =
        new LogSelection(job, path + filters, since, tail, follow, attempt.isPresent(), raw);
    return new LogFollower(agent, around, selection).run();
  }

  private void refuseUnless(boolean valid, String option, Optional<?> was, String accepted) {
    if (!valid) {
      throw new ParameterException(
          spec.commandLine(),
          option + ": was " + was.map(String::valueOf).orElse("") + "; accepted: " + accepted);
    }
  }

  private static String parameter(String key, Optional<?> value) {
    return value
        .map(given -> "&" + key + "=" + ApiClient.encoded(String.valueOf(given)))
        .orElse("");
  }
}
