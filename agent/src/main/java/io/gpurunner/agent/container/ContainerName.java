package io.gpurunner.agent.container;

import io.gpurunner.api.JobId;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The name of the container of one attempt at a job: {@code gpurunner-<job id>-<attempt>}. The name
 * follows from the job alone, so after a crash the same container is found again, and a second one
 * cannot be created.
 *
 * @param attempt 1 for the first run; each retry adds one
 */
public record ContainerName(JobId job, int attempt) {
  private static final Pattern FORM = Pattern.compile("gpurunner-(ai[0-9a-f-]{36})-([0-9]{1,6})");

  /**
   * Parses a name. Returns empty if the text is not a name of this form. A leading slash, which the
   * engine prints, is allowed.
   */
  public static Optional<ContainerName> parse(String text) {
    Matcher matcher = FORM.matcher(text.startsWith("/") ? text.substring(1) : text);
    if (!matcher.matches()) {
      return Optional.empty();
    }
    int attempt = Integer.parseInt(matcher.group(2));
    return JobId.parse(matcher.group(1)).map(job -> new ContainerName(job, attempt));
  }

  @Override
  public String toString() {
    return "gpurunner-" + job + "-" + attempt;
  }
}
