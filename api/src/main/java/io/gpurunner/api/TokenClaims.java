package io.gpurunner.api;

/** The rule for the texts in a token. A class without Vert.x, because commands load it. */
final class TokenClaims {
  private TokenClaims() {}

  /** Returns whether a text can be a user's name or a token's id. */
  static boolean canBe(String text, int maxCharacters) {
    return !text.isBlank()
        && text.length() <= maxCharacters
        && text.chars().noneMatch(Character::isISOControl);
  }
}
