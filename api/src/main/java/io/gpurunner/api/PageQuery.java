package io.gpurunner.api;

import io.vertx.core.MultiMap;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/** Reads the parameters of a list's query. */
final class PageQuery {
  /** A number of at most nine digits, which fits an int. */
  private static final Pattern NUMBER = Pattern.compile("[0-9]{1,9}");

  /** A larger number. */
  private static final Pattern LARGE = Pattern.compile("0*[1-9][0-9]{9,}");

  private static final int MAX_NUMBER = 999_999_999;

  private PageQuery() {}

  /**
   * Returns the parameter's text, which is empty if it was not sent.
   *
   * @param accepted what it must be, for the error if it was sent more than once
   */
  static Optional<String> text(
      MultiMap query, String name, String accepted, List<FieldError> wrong) {
    List<String> values = query.getAll(name);
    if (values.size() > 1) {
      wrong.add(
          new FieldError(name, "must be " + accepted + ", was sent " + values.size() + " times"));
      return Optional.empty();
    }
    return values.stream().findFirst();
  }

  /**
   * The same for a parameter of which a larger number counts as {@code most}: clients of the cloud
   * ask for lists of any length.
   */
  static int atMost(MultiMap query, String name, int absent, int most, List<FieldError> wrong) {
    List<String> values = query.getAll(name);
    if (values.size() == 1 && LARGE.matcher(values.getFirst()).matches()) {
      return most;
    }
    return Math.min(most, number(query, name, absent, MAX_NUMBER, wrong));
  }

  /**
   * Returns the parameter's number from 1 to {@code max}, or {@code absent} if it was not sent.
   *
   * @param wrong takes an error if the parameter is wrong
   */
  static int number(MultiMap query, String name, int absent, int max, List<FieldError> wrong) {
    List<String> values = query.getAll(name);
    if (values.isEmpty()) {
      return absent;
    }
    String text = values.getFirst();
    if (values.size() == 1 && NUMBER.matcher(text).matches()) {
      int number = Integer.parseInt(text);
      if (number >= 1 && number <= max) {
        return number;
      }
    }
    wrong.add(
        new FieldError(
            name,
            "must be one whole number from 1 to %d, was %s".formatted(max, Shown.quoted(text))));
    return absent;
  }
}
