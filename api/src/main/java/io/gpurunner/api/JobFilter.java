package io.gpurunner.api;

import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Which jobs a list has. Immutable.
 *
 * @param state only jobs in such a state
 * @param user only jobs of that user
 * @param idPrefix only jobs whose id begins so; an {@link #isIdPrefix id prefix}
 */
public record JobFilter(Optional<State> state, Optional<String> user, Optional<String> idPrefix) {
  /** The filter that lets all jobs through. */
  public static final JobFilter ALL =
      new JobFilter(Optional.empty(), Optional.empty(), Optional.empty());

  /** The beginning of a job id: {@code ai} and at least one character of the UUID. */
  private static final Pattern ID_PREFIX = Pattern.compile("ai[0-9a-f-]{1,36}");

  /** Whether a job has ended. */
  public enum State {
    LIVE,
    ENDED
  }

  /** Returns whether a text can be the beginning of a job id. */
  public static boolean isIdPrefix(String text) {
    return ID_PREFIX.matcher(text).matches();
  }

  /** Returns this filter with only the jobs of a user. */
  public JobFilter ofUser(String name) {
    return new JobFilter(state, Optional.of(name), idPrefix);
  }
}
