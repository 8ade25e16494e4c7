package io.gpurunner.agent.cli.job;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** Reads lengths of time as users write them: {@code 90m}, {@code 1h30m}, {@code 2d}. Stateless. */
final class Spans {
  static final String ACCEPTED = "a number with s, m, h or d, for example 90m or 1h30m";

  private static final Pattern FORM = Pattern.compile("(\\d{1,9}[smhd])+");
  private static final Pattern PART = Pattern.compile("(\\d+)([smhd])");
  private static final Map<String, Duration> UNITS =
      Map.of(
          "s", Duration.ofSeconds(1),
          "m", Duration.ofMinutes(1),
          "h", Duration.ofHours(1),
          "d", Duration.ofDays(1));

  private Spans() {}

  /** Returns the length of time. It is empty if the text is none, or nothing. */
  static Optional<Duration> parse(String text) {
    return read(text).filter(Duration::isPositive);
  }

  /** Returns the length of time, which can be zero. It is empty if the text is none. */
  static Optional<Duration> read(String text) {
    if (!FORM.matcher(text).matches()) {
      return Optional.empty();
    }
    return Optional.of(
        PART.matcher(text).results().map(Spans::part).reduce(Duration.ZERO, Duration::plus));
  }

  private static Duration part(MatchResult part) {
    Duration unit = UNITS.getOrDefault(part.group(2), Duration.ZERO);
    return unit.multipliedBy(Long.parseLong(part.group(1)));
  }
}
