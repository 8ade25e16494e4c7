package io.gpurunner.agent.cli.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.CommandFailedException;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.terminal.Plain;
import io.gpurunner.api.JobId;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Finds the job that a user names by its id, or by a beginning that only this id has. */
final class JobNames {
  /** The description of the parameter. */
  static final String DESCRIPTION = "The job's id, or a beginning of it that no other job has.";

  /** The most jobs that a message lists. */
  static final int LISTED = 10;

  private static final Pattern BEGINNING = Pattern.compile("[0-9a-z-]{1,38}");

  private JobNames() {}

  /**
   * Returns the id.
   *
   * @throws CommandFailedException if there is no such job, or there are several
   */
  static String find(ApiClient agent, String named) {
    if (JobId.parse(named).isPresent()) {
      return named;
    }
    if (!BEGINNING.matcher(named).matches()) {
      throw new CommandFailedException(
          ExitStatus.USAGE,
          "JOB: not the beginning of a job's id: "
              + Plain.line(named)
              + "; accepted: ai and at least one more character; see: gpurunner ls");
    }
    JsonNode page =
        agent
            .get("/api/userJob?current=1&size=" + LISTED + "&id=" + ApiClient.encoded(named))
            .json();
    List<JobView> jobs = Json.items(page, "content").stream().map(JobView::new).toList();
    return switch (jobs.size()) {
      case 0 ->
          throw new CommandFailedException(
              ExitStatus.REFUSED,
              "no job of yours has an id that begins with " + named + "; see: gpurunner ls -a");
      case 1 -> jobs.getFirst().id();
      default -> throw ambiguous(named, jobs, Json.number(page, "totalElements").orElse(0));
    };
  }

  private static CommandFailedException ambiguous(String named, List<JobView> jobs, long all) {
    String lines =
        jobs.stream()
            .map(
                job ->
                    "  %s  %s  %s"
                        .formatted(
                            Plain.line(job.id()),
                            job.stateWord(),
                            Plain.line(job.name().orElse("")))
                        .stripTrailing())
            .collect(Collectors.joining(System.lineSeparator()));
    String more = all > jobs.size() ? System.lineSeparator() + "  and others" : "";
    return new CommandFailedException(
        ExitStatus.USAGE,
        "JOB: the ids of several jobs begin with "
            + named
            + "; name one of them:"
            + System.lineSeparator()
            + lines
            + more);
  }
}
