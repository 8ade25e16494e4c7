package io.gpurunner.api;

import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;

/**
 * A job's identity as clients see it: {@code ai} followed by a random (version 4) UUID in lower
 * case, for example {@code aia1905cd8-650a-4cd9-b005-677ec3376db0} (form of the published sxwl.ai
 * guide). It is safe as a file name, a container name and an object key.
 */
public record JobId(String value) {
  private static final Pattern FORM =
      Pattern.compile("ai[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");

  /**
   * @throws IllegalArgumentException if the text is not a job id
   */
  public JobId {
    if (!FORM.matcher(value).matches()) {
      throw new IllegalArgumentException("not a job id (ai followed by a UUID): " + value);
    }
  }

  /** Returns a new random id. */
  public static JobId random() {
    return new JobId("ai" + UUID.randomUUID());
  }

  /** Returns the job id that the text is, or empty if the text is not a job id. */
  public static Optional<JobId> parse(String text) {
    return FORM.matcher(text).matches() ? Optional.of(new JobId(text)) : Optional.empty();
  }

  @Override
  public String toString() {
    return value;
  }
}
