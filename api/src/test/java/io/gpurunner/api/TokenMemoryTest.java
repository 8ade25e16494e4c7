package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Tests which verified tokens are remembered: a limited number, those that were used last. */
final class TokenMemoryTest {
  private static final Instant NOW = Instant.parse("2026-03-04T05:06:07Z");

  private final JwtSecret secret = new JwtSecret(new byte[64]);
  private final TokenIssuer issuer = new TokenIssuer(secret);
  private final TokenVerifier verifier =
      new TokenVerifier(secret, _ -> false, Clock.fixed(NOW, ZoneOffset.UTC));

  private List<String> header(int number) {
    return List.of("Bearer " + issuer.issue("ann", false, "t" + number, NOW, Optional.empty()));
  }

  @Test
  void theOneAskedForLongestAgoIsForgottenFirst() {
    TokenVerifier.Verified first = verifier.verify(header(0));
    TokenVerifier.Verified second = verifier.verify(header(1));
    assertThat(verifier.verify(header(0))).isSameAs(first);
    for (int number = 2; number < ApiLimits.MAX_REMEMBERED_TOKENS; number++) {
      verifier.verify(header(number));
    }
    assertThat(verifier.verify(header(0))).isSameAs(first);
    assertThat(verifier.verify(header(1))).isSameAs(second);

    // This is one token more than are remembered. The first was used before the second, so it is
    // forgotten.
    for (int number = 2; number < ApiLimits.MAX_REMEMBERED_TOKENS; number++) {
      verifier.verify(header(number));
    }
    verifier.verify(header(ApiLimits.MAX_REMEMBERED_TOKENS));
    assertThat(verifier.verify(header(1))).isSameAs(second);
    assertThat(verifier.verify(header(0))).isEqualTo(first).isNotSameAs(first);
  }

  @Test
  void aTokenOfExactlyTheGreatestLengthIsLookedAt() {
    String longest = "x".repeat(ApiLimits.MAX_TOKEN_CHARACTERS);
    assertThat(refusal(longest)).contains("is not a JWT");
    assertThat(refusal(longest + "x")).contains("is longer than");
  }

  private String refusal(String token) {
    try {
      verifier.verify(List.of("Bearer " + token));
    } catch (RequestRefusedException refused) {
      return String.valueOf(refused.getMessage());
    }
    throw new AssertionError("accepted");
  }
}
