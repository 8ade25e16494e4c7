package io.gpurunner.agent.auth;

import io.gpurunner.api.ApiLimits;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;

/** The {@code jti} of a token, which is safe as a file name. Immutable. */
public record TokenId(String value) {
  private static final Pattern FORM =
      Pattern.compile(
          "[A-Za-z0-9_-][A-Za-z0-9._-]{0," + (ApiLimits.MAX_TOKEN_ID_CHARACTERS - 1) + "}");

  /**
   * @throws IllegalArgumentException if the text is not safe as a file name
   */
  public TokenId {
    if (!FORM.matcher(value).matches()) {
      throw new IllegalArgumentException(
          "not a token's id; accepted: 1 to "
              + ApiLimits.MAX_TOKEN_ID_CHARACTERS
              + " letters, digits, dots, dashes and underscores");
    }
  }

  /** Returns an id that no token has. */
  public static TokenId random() {
    return new TokenId(UUID.randomUUID().toString().replace("-", ""));
  }

  /** Parses an id. Returns empty if the text cannot be an id. */
  public static Optional<TokenId> parse(String text) {
    return FORM.matcher(text).matches() ? Optional.of(new TokenId(text)) : Optional.empty();
  }

  @Override
  public String toString() {
    return value;
  }
}
