package io.gpurunner.agent.auth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.gpurunner.api.RequestRefusedException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class TokenRegistryTest {
  private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");

  @TempDir private Path directory;

  @Test
  void listsWhatWasRecordedNewestFirst() throws IOException {
    TokenRegistry registry = new TokenRegistry(directory.resolve("tokens"));
    assertThat(registry.list()).isEmpty();
    IssuedToken first = token("first", NOW, Optional.empty());
    IssuedToken second = token("second", NOW.plusSeconds(1), Optional.of(NOW.plusSeconds(60)));
    registry.record(first);
    registry.record(second);
    assertThat(registry.list())
        .containsExactly(
            new TokenRegistry.Entry(second, false), new TokenRegistry.Entry(first, false));
    assertThat(
            PosixFilePermissions.toString(
                Files.getPosixFilePermissions(directory.resolve("tokens/first.json"))))
        .isEqualTo("rw-------");
  }

  @Test
  void revocationIsSeenAtOnceByEveryRegistry() {
    TokenRegistry commandLine = new TokenRegistry(directory.resolve("tokens"));
    TokenRegistry agent = new TokenRegistry(directory.resolve("tokens"));
    TokenId id = TokenId.random();
    assertThat(agent.isRevoked(id.value())).isFalse();
    commandLine.record(token(id.value(), NOW, Optional.empty()));
    assertThat(agent.isRevoked(id.value())).isFalse();
    assertThat(commandLine.revoke(id)).isEqualTo(TokenRegistry.Revocation.REVOKED);
    assertThat(agent.isRevoked(id.value())).isTrue();
    assertThat(agent.revoke(id)).isEqualTo(TokenRegistry.Revocation.ALREADY_REVOKED);
    assertThat(agent.list()).singleElement().matches(TokenRegistry.Entry::revoked);
  }

  @Test
  void unknownTokensAreNotRevoked() {
    TokenRegistry registry = new TokenRegistry(directory);
    assertThat(registry.revoke(new TokenId("absent"))).isEqualTo(TokenRegistry.Revocation.UNKNOWN);
    assertThat(directory).isEmptyDirectory();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ".", "..", "../tokens/a", "a/b", "a\0b", "a b", ".hidden", "ä"})
  void idsThatAreNoFileNamesDoNotCount(String id) {
    assertThat(new TokenRegistry(directory).isRevoked(id)).isTrue();
    assertThat(TokenId.parse(id)).isEmpty();
    assertThatIllegalArgumentException().isThrownBy(() -> new TokenId(id));
  }

  @Test
  void whatCannotBeLookedAtIsNeitherTrustedNorCalledRevoked() throws IOException {
    TokenRegistry registry = new TokenRegistry(directory);
    registry.record(token("a", NOW, Optional.empty()));
    Path loop = directory.resolve("revoked");
    Files.createSymbolicLink(loop, loop);
    for (int look = 0; look < 2; look++) {
      assertThatExceptionOfType(RequestRefusedException.class)
          .isThrownBy(() -> registry.isRevoked("a"))
          .withMessageContaining("cannot be looked up now")
          .satisfies(
              refused -> {
                assertThat(refused.kind()).isEqualTo(RequestRefusedException.Kind.UNAVAILABLE);
                assertThat(refused.retryAfter()).isPresent();
                assertThat(refused).message().doesNotContain(directory.toString());
              });
    }
    // The command line names the file.
    assertThatExceptionOfType(AuthException.class)
        .isThrownBy(registry::list)
        .withMessageContaining(directory.toString());
    assertThat(registry.isRevoked("a".repeat(129)))
        .as("an id that this agent never issues")
        .isTrue();

    Files.delete(loop);
    assertThat(registry.isRevoked("a")).isFalse();
  }

  @Test
  void damagedRecordsAreNamed() throws IOException {
    Path record = Files.writeString(directory.resolve("x.json"), "{\"jti\":\"x\"}");
    assertThatExceptionOfType(AuthException.class)
        .isThrownBy(() -> new TokenRegistry(directory).list())
        .withMessageContaining(record.toString());
    Files.writeString(record, "{");
    assertThatExceptionOfType(AuthException.class)
        .isThrownBy(() -> new TokenRegistry(directory).list())
        .withMessageContaining(record.toString());
  }

  @Test
  void anIdIsRecordedOnce() {
    TokenRegistry registry = new TokenRegistry(directory);
    registry.record(token("same", NOW, Optional.empty()));
    assertThatExceptionOfType(AuthException.class)
        .isThrownBy(() -> registry.record(token("same", NOW, Optional.empty())))
        .withMessageContaining("cannot be written");
  }

  @Test
  void expiry() {
    IssuedToken token = token("t", NOW, Optional.of(NOW.plusSeconds(10)));
    assertThat(token.expiredAt(NOW.plusSeconds(9))).isFalse();
    assertThat(token.expiredAt(NOW.plusSeconds(10))).isTrue();
    assertThat(token("t", NOW, Optional.empty()).expiredAt(Instant.MAX)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"eng@sxwl.ai", "u", "Ada Lovelace", "用户", "é"})
  void userNames(String name) {
    assertThat(new UserName(name)).hasToString(name);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", " ", " a", "a ", "a\nb", "a\u001b[31m", "a\u202eb", "a\u2028b", "a  b", "\0"})
  void noUserNames(String name) {
    assertThatIllegalArgumentException().isThrownBy(() -> new UserName(name));
  }

  @Test
  void userNamesAreBounded() {
    assertThat(new UserName("x".repeat(128)).value()).hasSize(128);
    assertThatIllegalArgumentException().isThrownBy(() -> new UserName("x".repeat(129)));
    // The ledger's columns and the API count in the same way: a character beyond the first plane
    // counts as two.
    assertThat(new UserName("𠀀".repeat(64)).value()).hasSize(128);
    assertThatIllegalArgumentException().isThrownBy(() -> new UserName("𠀀".repeat(65)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new UserName("x".repeat(100_000) + " " + "x".repeat(100_000)));
  }

  @Test
  void oneLookTakesMicroseconds() {
    TokenRegistry registry = new TokenRegistry(directory);
    int looks = 20_000;
    long start = System.nanoTime();
    for (int look = 0; look < looks; look++) {
      assertThat(registry.isRevoked("absent")).isFalse();
    }
    Duration each = Duration.ofNanos((System.nanoTime() - start) / looks);
    assertThat(each).isLessThan(Duration.ofMillis(1));
  }

  private static IssuedToken token(String id, Instant issuedAt, Optional<Instant> expires) {
    return new IssuedToken(new TokenId(id), new UserName("eng@sxwl.ai"), false, issuedAt, expires);
  }
}
