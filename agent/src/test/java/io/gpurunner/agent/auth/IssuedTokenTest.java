package io.gpurunner.agent.auth;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpurunner.api.JwtSecret;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;

final class IssuedTokenTest {
  private static final byte[] SECRET = "k".repeat(64).getBytes(UTF_8);
  private static final Instant ISSUED = Instant.ofEpochSecond(1_700_000_000);

  @Test
  void theContractsClaimsUnderHs512() throws Exception {
    IssuedToken token =
        new IssuedToken(
            new TokenId("abc"),
            new UserName("eng@sxwl.ai"),
            true,
            ISSUED,
            Optional.of(ISSUED.plusSeconds(60)));
    List<String> parts = List.of(token.signedWith(new JwtSecret(SECRET)).split("\\.", -1));

    assertThat(parts).hasSize(3);
    assertThat(decoded(parts.get(0)).get("alg").asText()).isEqualTo("HS512");
    assertThat(decoded(parts.get(1)))
        .isEqualTo(
            new ObjectMapper()
                .readTree(
                    """
                    {"jti":"abc","user":"eng@sxwl.ai","sub":"eng@sxwl.ai","iat":1700000000,
                     "exp":1700000060,"role":"admin"}
                    """));
    Mac mac = Mac.getInstance("HmacSHA512");
    mac.init(new SecretKeySpec(SECRET, "HmacSHA512"));
    assertThat(Base64.getUrlDecoder().decode(parts.get(2)))
        .isEqualTo(mac.doFinal((parts.get(0) + "." + parts.get(1)).getBytes(UTF_8)));
  }

  @Test
  void neitherExpiryNorRoleWhereThereIsNone() throws Exception {
    IssuedToken token =
        new IssuedToken(new TokenId("abc"), new UserName("u"), false, ISSUED, Optional.empty());
    String claims = token.signedWith(new JwtSecret(SECRET)).split("\\.", -1)[1];
    assertThat(decoded(claims).fieldNames())
        .toIterable()
        .containsExactlyInAnyOrder("jti", "user", "sub", "iat");
  }

  private static JsonNode decoded(String part) throws Exception {
    return new ObjectMapper().readTree(Base64.getUrlDecoder().decode(part));
  }
}
