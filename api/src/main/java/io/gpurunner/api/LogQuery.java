package io.gpurunner.api;

import io.vertx.core.MultiMap;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which part of a job's output a reader wants. Immutable.
 *
 * @param follow whether the reading goes on until the job has ended
 * @param tail the number of last lines to begin with; empty for all
 * @param since output from before is left out
 * @param attempt the only run that is read; empty for all runs
 * @param stderr whether only standard error is read, or only standard output; empty for both
 * @param grep only lines that contain this text
 * @param from the number of the first piece, of the first run that is read
 * @param lines the largest number of lines
 * @param after the place after which an earlier reading is resumed
 */
public record LogQuery(
    boolean follow,
    OptionalInt tail,
    Optional<Instant> since,
    OptionalInt attempt,
    Optional<Boolean> stderr,
    Optional<String> grep,
    OptionalLong from,
    OptionalInt lines,
    Optional<Place> after) {
  /** The largest number of lines that {@code tail} and {@code lines} can have. */
  static final int MOST_LINES = 10_000_000;

  /** The longest text of {@code grep}. */
  static final int MOST_GREP_CHARACTERS = 200;

  private static final int MOST_ATTEMPTS = 1_000_000;
  private static final Pattern NUMBER = Pattern.compile("[0-9]{1,18}");
  private static final Pattern PERIOD = Pattern.compile("([0-9]{1,9})([smhd])");
  private static final Pattern PLACE = Pattern.compile("([0-9]{1,6}):([0-9]{1,18})");

  /** A place in a job's output: the number of a run, and of a piece of its log. */
  public record Place(int attempt, long seq) {
    @Override
    public String toString() {
      return attempt + ":" + seq;
    }
  }

  /**
   * Reads the parameters of a request.
   *
   * @param lastEventId the header {@code Last-Event-ID}, if it was sent
   * @throws RequestRefusedException BAD_REQUEST that names all wrong parameters
   */
  static LogQuery of(MultiMap query, Optional<String> lastEventId, Clock clock) {
    Reader reader = new Reader(query);
    LogQuery read =
        new LogQuery(
            reader.flag("follow"),
            reader.number("tail", 0, MOST_LINES),
            reader.since(clock),
            reader.number("attempt", 1, MOST_ATTEMPTS),
            reader.stderr(),
            reader.grep(),
            reader.from(),
            reader.number("lines", 1, MOST_LINES),
            lastEventId.flatMap(reader::place));
    reader.requireNoErrors();
    return read;
  }

  /** Reads single parameters, and collects what is wrong. */
  private static final class Reader {
    private final MultiMap query;
    private final List<FieldError> wrong = new ArrayList<>();

    Reader(MultiMap query) {
      this.query = query;
    }

    private Optional<String> text(String name) {
      List<String> values = query.getAll(name);
      if (values.size() > 1) {
        wrong.add(new FieldError(name, "must be sent once"));
      }
      return values.stream().findFirst();
    }

    private <T> Optional<T> refused(String name, String accepted, String was) {
      wrong.add(new FieldError(name, "must be " + accepted + ", was " + Shown.quoted(was)));
      return Optional.empty();
    }

    boolean flag(String name) {
      return text(name)
          .flatMap(
              word ->
                  switch (word) {
                    case "1", "true", "" -> Optional.of(true);
                    case "0", "false" -> Optional.of(false);
                    default -> refused(name, "1 or 0", word);
                  })
          .orElse(false);
    }

    OptionalInt number(String name, int least, int most) {
      return text(name)
          .flatMap(
              word ->
                  Optional.of(word)
                      .filter(digits -> NUMBER.matcher(digits).matches())
                      .map(Long::parseLong)
                      .filter(number -> number >= least && number <= most)
                      .or(
                          () ->
                              refused(name, "a whole number from " + least + " to " + most, word)))
          .map(number -> OptionalInt.of(number.intValue()))
          .orElseGet(OptionalInt::empty);
    }

    OptionalLong from() {
      return text("from")
          .flatMap(
              word ->
                  NUMBER.matcher(word).matches()
                      ? Optional.of(Long.parseLong(word))
                      : refused("from", "the number of a piece", word))
          .map(OptionalLong::of)
          .orElseGet(OptionalLong::empty);
    }

    Optional<Instant> since(Clock clock) {
      return text("since")
          .flatMap(
              word ->
                  period(word)
                      .map(clock.instant()::minus)
                      .or(() -> time(word))
                      .or(
                          () ->
                              refused(
                                  "since",
                                  "a time such as 2026-01-31T12:00:00Z, or how long ago:"
                                      + " 30s, 10m, 2h, 1d",
                                  word)));
    }

    private static Optional<Duration> period(String word) {
      Matcher parts = PERIOD.matcher(word);
      if (!parts.matches()) {
        return Optional.empty();
      }
      long number = Long.parseLong(parts.group(1));
      return Optional.of(
          switch (parts.group(2)) {
            case "s" -> Duration.ofSeconds(number);
            case "m" -> Duration.ofMinutes(number);
            case "h" -> Duration.ofHours(number);
            default -> Duration.of(Math.min(number, 1_000_000), ChronoUnit.DAYS);
          });
    }

    private static Optional<Instant> time(String word) {
      try {
        return Optional.of(OffsetDateTime.parse(word).toInstant());
      } catch (DateTimeException noTime) {
        return Optional.empty();
      }
    }

    Optional<Boolean> stderr() {
      return text("stream")
          .flatMap(
              word ->
                  switch (word) {
                    case "stdout" -> Optional.of(false);
                    case "stderr" -> Optional.of(true);
                    default -> refused("stream", "stdout or stderr", word);
                  });
    }

    Optional<String> grep() {
      return text("grep")
          .filter(word -> !word.isEmpty())
          .flatMap(
              word ->
                  word.length() <= MOST_GREP_CHARACTERS
                      ? Optional.of(word)
                      : refused("grep", "at most " + MOST_GREP_CHARACTERS + " characters", word));
    }

    Optional<Place> place(String word) {
      Matcher parts = PLACE.matcher(word);
      return parts.matches()
          ? Optional.of(new Place(Integer.parseInt(parts.group(1)), Long.parseLong(parts.group(2))))
          : refused("Last-Event-ID", "the id of an event of this log", word);
    }

    void requireNoErrors() {
      if (!wrong.isEmpty()) {
        throw new RequestRefusedException(
            RequestRefusedException.Kind.BAD_REQUEST,
            new JobRequestParser.Result.Rejected(wrong).message());
      }
    }
  }
}
