package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Tests which tokens are accepted. The test builds tokens by hand, so that it can build bad ones
 * too.
 */
final class TokenTest {
  private static final Instant NOW = ApiFixture.NOW;

  private final byte[] key = new byte[JwtSecret.MINIMUM_BYTES];
  private final Set<String> revoked = ConcurrentHashMap.newKeySet();
  private Instant now = NOW;
  private final TokenVerifier verifier;

  TokenTest() {
    new SecureRandom().nextBytes(key);
    verifier =
        new TokenVerifier(
            new JwtSecret(key),
            revoked::contains,
            ((InstantSource) () -> now).withZone(ZoneOffset.UTC));
  }

  @Test
  void namesAreAsLongAsTheLedgerTakesAndNoLonger() throws GeneralSecurityException {
    String longest = "x".repeat(ApiLimits.MAX_USER_CHARACTERS);
    assertThat(verify(signed(claims().put("user", longest).put("sub", longest))).user())
        .isEqualTo(longest);
    String longer = longest + "x";
    assertThatThrownBy(() -> verify(signed(claims().put("user", longer).put("sub", longer))))
        .hasMessageStartingWith(
            "the token's claim user must be text of 1 to 128 characters without control"
                + " characters, is not; send the header Authorization: Bearer <token>, with a token"
                + " that the administrator of this machine gave you");
    assertThat(ApiLimits.MAX_USER_CHARACTERS).isLessThanOrEqualTo(200);
  }

  @Test
  void acceptsWhatTheIssuerMakes() {
    TokenIssuer issuer = new TokenIssuer(new JwtSecret(key));

    assertThat(verify(issuer.issue("ann", false, "1", NOW, Optional.empty())))
        .isEqualTo(new Caller("ann", false));
    assertThat(verify(issuer.issue("例@x", true, "2", NOW, Optional.of(NOW.plusSeconds(1)))))
        .isEqualTo(new Caller("例@x", true));
    assertRefused(issuer.issue("ann", false, "3", NOW, Optional.of(NOW)));
  }

  @Test
  void makesTokensOfTheContractsForm() {
    String token =
        new TokenIssuer(new JwtSecret(key))
            .issue("ann", true, "7", NOW, Optional.of(NOW.plusSeconds(9)));
    String[] parts = token.split("\\.", -1);

    assertThat(decoded(parts[0]).getString("alg")).isEqualTo("HS512");
    assertThat(decoded(parts[1]))
        .isEqualTo(
            new JsonObject()
                .put("jti", "7")
                .put("user", "ann")
                .put("sub", "ann")
                .put("iat", NOW.getEpochSecond())
                .put("role", "admin")
                .put("exp", NOW.getEpochSecond() + 9));
  }

  @Test
  void issuesNoTokenItWouldRefuse() {
    TokenIssuer issuer = new TokenIssuer(new JwtSecret(key));

    for (String bad : List.of("", " ", "a\nb", "x".repeat(129))) {
      assertThatThrownBy(() -> issuer.issue(bad, false, "1", NOW, Optional.empty()))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> issuer.issue("ann", false, bad, NOW, Optional.empty()))
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThatThrownBy(() -> new JwtSecret(new byte[63]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the token secret must have at least 64 bytes, has 63");
    assertThat(new JwtSecret(key).toString()).isEqualTo("JwtSecret[hidden]");
  }

  @Test
  void acceptsAHandMadeToken() throws Exception {
    assertThat(verify(signed(claims()))).isEqualTo(new Caller("ann", false));
    assertThat(verify(signed(claims().put("role", "user")))).isEqualTo(new Caller("ann", false));
    assertThat(verify(signed(claims().put("role", "admin")))).isEqualTo(new Caller("ann", true));
    assertThat(verify(signed(claims().put("exp", NOW.getEpochSecond() + 1.5)))).isNotNull();
    assertThat(verify(signed(claims().put("exp", 1e300)))).isNotNull();
    assertThat(verify(signed(claims().put("nbf", NOW.getEpochSecond())))).isNotNull();
    assertThat(verify(signed(claims().put("iat", NOW.getEpochSecond() + 99999)))).isNotNull();
  }

  @Test
  void takesTheSchemeInAnyCase() throws Exception {
    String token = signed(claims());

    assertThat(verifier.verify(List.of("bearer " + token))).isNotNull();
    assertThat(verifier.verify(List.of(token))).as("as the cloud's SDK sends it").isNotNull();
    assertThat(verifier.verify(List.of("BEARER   " + token + " "))).isNotNull();
  }

  @Test
  void refusesMissingAndMalformedHeaders() throws Exception {
    String token = signed(claims());

    for (List<String> headers :
        List.of(
            List.<String>of(),
            List.of(""),
            List.of("Bearer"),
            List.of("Bearer "),
            List.of(token + " x"),
            List.of("Basic " + token),
            List.of("Bearer " + token, "Bearer " + token),
            List.of("Bearer " + token + " x"))) {
      assertRefused(headers);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "x",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "..",
        "a..c",
        "e30.e30.e30",
        "e30.e30.",
        "W10.W10.AAAA",
        "bnVsbA.bnVsbA.AAAA",
        "é.é.é",
        "a.b.c=",
        "\u0000.\u0000.\u0000"
      })
  void refusesWhatIsNoJwt(String token) {
    assertRefused(token);
  }

  @Test
  void refusesOtherAlgorithmsOtherKeysAndChangedTokens() throws Exception {
    byte[] other = new byte[64];
    new SecureRandom().nextBytes(other);
    String good = signed(claims());
    String[] parts = good.split("\\.", -1);
    String header512 = parts[0];

    assertRefused(token("{\"alg\":\"none\",\"typ\":\"JWT\"}", claims().encode(), ""));
    assertRefused(token("{\"alg\":\"none\"}", claims().encode(), "AAAA"));
    assertRefused(token("{\"alg\":\"None\"}", claims().encode(), "AAAA"));
    assertRefused(parts[0] + "." + parts[1]);
    assertRefused(parts[0] + "." + parts[1] + ".");
    assertRefused(signed("HS256", "HmacSHA256", key, claims().encode()));
    assertRefused(signed("HS384", "HmacSHA384", key, claims().encode()));
    assertRefused(signed("HS512", "HmacSHA512", other, claims().encode()));
    assertRefused(signed("hs512", "HmacSHA512", key, claims().encode()));
    assertRefused(signed("RS256", "HmacSHA512", key, claims().encode()));
    assertRefused(
        header512 + "." + base64(claims().put("role", "admin").encode()) + "." + parts[2]);
    assertRefused(good.substring(0, good.length() - 2));
    assertRefused(good + "A");
    assertRefused(good + ".");
    assertRefused(good + "..");
    for (String header :
        List.of("{}", "{\"alg\":512}", "{\"alg\":null}", "{\"alg\":[\"HS512\"]}", "[]", "x")) {
      assertRefused(withMac(base64(header) + "." + base64(claims().encode())));
    }
  }

  @Test
  void refusesWrongClaimsEvenWhenSigned() throws Exception {
    List<UnaryOperator<JsonObject>> changes =
        List.of(
            claims -> without(claims, "jti"),
            claims -> without(claims, "user"),
            claims -> without(claims, "sub"),
            claims -> claims.put("jti", 1),
            claims -> claims.put("user", 1).put("sub", 1),
            claims -> claims.put("user", true),
            claims -> claims.put("sub", "bob"),
            claims -> claims.put("user", "").put("sub", ""),
            claims -> claims.put("user", "a\nb").put("sub", "a\nb"),
            claims -> claims.put("user", "x".repeat(129)).put("sub", "x".repeat(129)),
            claims -> claims.putNull("user"),
            claims -> claims.put("user", new JsonObject()).put("sub", new JsonObject()),
            claims -> claims.put("role", 1),
            claims -> claims.put("role", new JsonArray().add("admin")),
            claims -> claims.put("exp", "never"),
            claims -> claims.put("exp", true),
            claims -> claims.putNull("exp"),
            claims -> claims.put("exp", new JsonObject()),
            claims -> claims.put("exp", NOW.getEpochSecond()),
            claims -> claims.put("exp", -1e300),
            claims -> claims.put("nbf", "x"),
            claims -> claims.put("nbf", NOW.getEpochSecond() + 1));
    for (UnaryOperator<JsonObject> change : changes) {
      assertRefused(signed(change.apply(claims())));
    }
    for (String payload : List.of("", "x", "[]", "null", "\"x\"", "{", "[".repeat(1200))) {
      assertRefused(signed("HS512", "HmacSHA512", key, payload));
    }
  }

  @Test
  void looksAtExpiryAndRevocationEveryTime() throws Exception {
    String token = signed(claims().put("exp", NOW.getEpochSecond() + 10));

    assertThat(verify(token)).isNotNull();
    assertThat(verify(token)).isNotNull();
    now = NOW.plus(Duration.ofSeconds(10));
    assertRefused(token);
    now = NOW;
    revoked.add("id-1");
    assertRefused(token);
    revoked.clear();
    assertThat(verify(token)).isNotNull();
  }

  @Test
  void boundsTokensAndWhatItRemembers() throws Exception {
    assertRefused(signed(claims().put("x", "y".repeat(ApiLimits.MAX_TOKEN_CHARACTERS))));
    for (int number = 0; number < ApiLimits.MAX_REMEMBERED_TOKENS + 10; number++) {
      assertThat(verify(signed(claims().put("number", number)))).isNotNull();
    }
  }

  @Test
  void answers401InTheErrorBodyOnEveryRouteOfTheApi() throws Exception {
    try (ApiFixture api = new ApiFixture()) {
      for (String path :
          List.of(
              "/api/userJob",
              "/api/userJob/job_status",
              "/api/userJob/job_del",
              "/api/userJob/" + JobId.random() + "/retry-upload",
              "/api/job/training",
              "/api/job/gpu/stop")) {
        assert401(
            api, api.request(path).POST(HttpRequest.BodyPublishers.ofString(GuideBodies.CREATE)));
      }
      for (String path :
          List.of(
              "/api/userJob",
              "/api/userJob/getGpuType",
              "/api/userJob/" + JobId.random(),
              "/api/job/training",
              "/api/job/gpu/status?job_id=" + JobId.random(),
              "/api/gpus",
              "/api/resource/gpus",
              "/api/resource/models",
              "/api/resource/datasets")) {
        assert401(api, api.request(path).GET());
        assert401(
            api, api.request(path).header("Authorization", "Bearer " + signed(claims())).GET());
      }
      assertThat(api.jobs.stored).isEmpty();
      api.revoked.add("id-of-ann");
      assert401(api, api.as("ann", "/api/userJob").GET());
      assert401(api, api.as("ann", "/api/job/training").GET());
    }
  }

  private static void assert401(ApiFixture api, HttpRequest.Builder request)
      throws IOException, InterruptedException {
    HttpResponse<String> response = api.send(request);
    ErrorBody.message(response, 401);
    assertThat(response.headers().firstValue("WWW-Authenticate")).contains("Bearer");
  }

  private static JsonObject claims() {
    return new JsonObject().put("jti", "id-1").put("user", "ann").put("sub", "ann");
  }

  private static JsonObject without(JsonObject claims, String name) {
    claims.remove(name);
    return claims;
  }

  private String signed(JsonObject claims) throws GeneralSecurityException {
    return signed("HS512", "HmacSHA512", key, claims.encode());
  }

  private static String signed(String algorithm, String mac, byte[] key, String payload)
      throws GeneralSecurityException {
    String text = base64("{\"typ\":\"JWT\",\"alg\":\"" + algorithm + "\"}") + "." + base64(payload);
    return text + "." + mac(mac, key, text);
  }

  private String withMac(String text) throws GeneralSecurityException {
    return text + "." + mac("HmacSHA512", key, text);
  }

  private static String mac(String algorithm, byte[] key, String text)
      throws GeneralSecurityException {
    Mac mac = Mac.getInstance(algorithm);
    mac.init(new SecretKeySpec(key, algorithm));
    return Base64.getUrlEncoder()
        .withoutPadding()
        .encodeToString(mac.doFinal(text.getBytes(StandardCharsets.UTF_8)));
  }

  private static String token(String header, String payload, String signature) {
    return base64(header) + "." + base64(payload) + "." + signature;
  }

  private static String base64(String text) {
    return Base64.getUrlEncoder()
        .withoutPadding()
        .encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }

  private static JsonObject decoded(String part) {
    return new JsonObject(new String(Base64.getUrlDecoder().decode(part), StandardCharsets.UTF_8));
  }

  private Caller verify(String token) {
    return verify(List.of("Bearer " + token));
  }

  private Caller verify(List<String> headers) {
    return verifier.requireNotRevoked(verifier.verify(headers));
  }

  private void assertRefused(String token) {
    assertRefused(List.of("Bearer " + token));
  }

  private void assertRefused(List<String> headers) {
    assertThatThrownBy(() -> verify(headers))
        .as("%s", headers)
        .isInstanceOfSatisfying(
            RequestRefusedException.class,
            e -> assertThat(e.kind()).isEqualTo(RequestRefusedException.Kind.UNAUTHORIZED));
  }
}
