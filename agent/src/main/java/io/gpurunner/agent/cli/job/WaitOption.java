package io.gpurunner.agent.cli.job;

import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.Surroundings;
import java.time.Duration;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** The options of commands that can wait for the end of a job. */
final class WaitOption {
  @Option(
      names = "--wait",
      description = "Wait for the end of the job. The exit status says how it ended.")
  private boolean asked;

  @Option(
      names = "--timeout",
      paramLabel = "TIME",
      description = "Wait no longer than that, for example 2h. The job goes on; exit status 5.")
  private Optional<String> timeout = Optional.empty();

  boolean asked() {
    return asked;
  }

  /** Refuses a limit without a wait, and what is no time. */
  void requireMeaning(CommandSpec spec) {
    if (timeout.isPresent() && !asked) {
      throw new ParameterException(spec.commandLine(), "--timeout: needs --wait");
    }
    if (timeout.isPresent() && limit().isEmpty()) {
      throw new ParameterException(
          spec.commandLine(), "--timeout: was " + timeout.get() + "; accepted: " + Spans.ACCEPTED);
    }
  }

  private Optional<Duration> limit() {
    return timeout.flatMap(Spans::parse);
  }

  /**
   * What a wait came to.
   *
   * @param status the exit status
   * @param said what the agent has said last about the job, if it has answered
   */
  record Waited(int status, Optional<ApiClient.Answer> said) {}

  /**
   * Waits.
   *
   * @param known what the agent has said just now about the job, if it was asked
   */
  Waited await(ApiClient agent, String id, Surroundings around, Optional<ApiClient.Answer> known) {
    JobWatch watch = new JobWatch(agent, id, around);
    Thread hook = new Thread(watch::detach, "detach");
    Runtime.getRuntime().addShutdownHook(hook);
    try {
      int status = watch.await(limit(), known);
      return new Waited(status, watch.said());
    } finally {
      watch.end();
    }
  }
}
