package io.gpurunner.agent.auth;

import io.gpurunner.api.ApiLimits;
import java.util.regex.Pattern;

/**
 * The user of a token, as it is written into the token, the ledger and every log line: 1 to {@link
 * ApiLimits#MAX_USER_CHARACTERS} printable characters, no blank at either end. Immutable.
 */
public record UserName(String value) {
  /** The accepted form, for messages. */
  public static final String ACCEPTED =
      "1 to "
          + ApiLimits.MAX_USER_CHARACTERS
          + " printable characters without a blank at either end, for example eng@example.org";

  /** Letters, marks, digits, punctuation, symbols; blanks inside. No controls, no line ends. */
  private static final Pattern FORM =
      Pattern.compile("[\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}]+( [\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}]+)*");

  /**
   * @throws IllegalArgumentException if the name is not {@link #ACCEPTED}
   */
  public UserName {
    if (value.length() > ApiLimits.MAX_USER_CHARACTERS || !FORM.matcher(value).matches()) {
      throw new IllegalArgumentException("not a user name; accepted: " + ACCEPTED);
    }
  }

  @Override
  public String toString() {
    return value;
  }
}
