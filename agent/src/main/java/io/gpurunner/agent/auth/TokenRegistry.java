package io.gpurunner.agent.auth;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpurunner.api.RequestRefusedException;
import io.gpurunner.api.TokenRevocations;
import io.gpurunner.storage.FileFault;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The issued and revoked tokens: a directory with a file {@code <jti>.json} for each token, and a
 * file {@code revoked/<jti>} for each revoked one. Nothing is held in memory, so the command line
 * and a running agent see each other's changes at once. Thread-safe.
 */
public final class TokenRegistry implements TokenRevocations {
  private static final String SUFFIX = ".json";
  private static final ObjectMapper JSON = new ObjectMapper();

  private static final Duration RETRY_AFTER = Duration.ofSeconds(10);

  private static final Logger log = LoggerFactory.getLogger(TokenRegistry.class);

  private final Path directory;
  private final Path revoked;

  /** True if the last look at the revoked tokens failed. */
  private final AtomicBoolean unreadable = new AtomicBoolean();

  /**
   * @param directory the registry's directory; created when the first token is recorded
   */
  public TokenRegistry(Path directory) {
    this.directory = directory;
    this.revoked = directory.resolve("revoked");
  }

  /** The outcome of a revocation. */
  public enum Revocation {
    REVOKED,
    ALREADY_REVOKED,
    /** No such token is on record, and nothing was done. */
    UNKNOWN
  }

  /**
   * A token of the list.
   *
   * @param revoked whether it was revoked
   */
  public record Entry(IssuedToken token, boolean revoked) {}

  /**
   * Records a token. The record is on disk when this returns. A token is recorded before it is
   * given out, because a token that is not on record cannot be found to be revoked.
   *
   * @throws AuthException if the record cannot be written
   */
  public void record(IssuedToken token) {
    ObjectNode content =
        JSON.createObjectNode()
            .put("jti", token.id().value())
            .put("user", token.user().value())
            .put("admin", token.admin())
            .put("issuedAt", token.issuedAt().toString());
    token.expires().ifPresent(end -> content.put("expires", end.toString()));
    Path file = file(token.id());
    try {
      PrivateFiles.createNew(file, JSON.writeValueAsBytes(content));
    } catch (IOException failure) {
      throw new AuthException(
          "token record " + file + ": cannot be written: " + FileFault.words(failure, file),
          failure);
    }
  }

  /**
   * Returns all tokens on record, the newest first.
   *
   * @throws AuthException naming the record that cannot be read
   */
  public List<Entry> list() {
    List<Entry> entries = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "*" + SUFFIX)) {
      for (Path file : files) {
        // A draft of a record that a crash left behind starts with a dot and has no such suffix.
        IssuedToken token = read(file);
        entries.add(new Entry(token, hasMarker(token.id())));
      }
    } catch (NoSuchFileException noneYet) {
      return List.of();
    } catch (IOException failure) {
      throw new AuthException(
          "tokens " + directory + ": cannot be read: " + FileFault.words(failure, directory),
          failure);
    }
    entries.sort(
        Comparator.comparing((Entry entry) -> entry.token().issuedAt())
            .reversed()
            .thenComparing(entry -> entry.token().id().value()));
    return List.copyOf(entries);
  }

  /**
   * Revokes a token for good.
   *
   * @throws AuthException if the revocation cannot be written
   */
  public Revocation revoke(TokenId id) {
    if (Files.notExists(file(id))) {
      return Revocation.UNKNOWN;
    }
    Path marker = revoked.resolve(id.value());
    try {
      PrivateFiles.createNew(marker, new byte[0]);
      return Revocation.REVOKED;
    } catch (FileAlreadyExistsException before) {
      return Revocation.ALREADY_REVOKED;
    } catch (IOException failure) {
      throw new AuthException(
          "token " + id + ": cannot be revoked: " + FileFault.words(failure, marker), failure);
    }
  }

  /**
   * {@inheritDoc}
   *
   * <p>Each call looks at the directory, without a cache, so that a revocation counts from the next
   * request on. An id that this agent cannot have issued counts as revoked. If the look fails, no
   * token is trusted, and none is called revoked.
   */
  @Override
  public boolean isRevoked(String tokenId) {
    Optional<TokenId> id = TokenId.parse(tokenId);
    if (id.isEmpty()) {
      return true;
    }
    try {
      boolean found = hasMarker(id.get());
      unreadable.set(false);
      return found;
    } catch (IOException failure) {
      if (!unreadable.getAndSet(true)) { // once, not at every request
        log.error(
            "the register of revoked tokens {} cannot be read, so no token is accepted: {}",
            revoked,
            FileFault.words(failure, revoked));
      }
      throw new RequestRefusedException(
          RequestRefusedException.Kind.UNAVAILABLE,
          "it cannot be looked up now whether the token was revoked; try again, and if that lasts,"
              + " tell the administrator of this machine to look at the agent's log",
          RETRY_AFTER);
    }
  }

  private boolean hasMarker(TokenId id) throws IOException {
    Path marker = revoked.resolve(id.value());
    // Links are followed. With NOFOLLOW_LINKS, Java would make an exception, which takes time, for
    // each file that is not there.
    return marker
            .getFileSystem()
            .provider()
            .readAttributesIfExists(marker, BasicFileAttributes.class)
        != null;
  }

  private Path file(TokenId id) {
    return directory.resolve(id.value() + SUFFIX);
  }

  private static IssuedToken read(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    try {
      JsonNode content = JSON.readTree(bytes);
      return new IssuedToken(
          new TokenId(content.required("jti").asText()),
          new UserName(content.required("user").asText()),
          content.required("admin").asBoolean(),
          Instant.parse(content.required("issuedAt").asText()),
          Optional.ofNullable(content.get("expires")).map(JsonNode::asText).map(Instant::parse));
    } catch (JsonProcessingException
        | IllegalArgumentException
        | DateTimeParseException malformed) {
      throw new AuthException(
          "token record " + file + ": is damaged (" + malformed.getMessage() + "); move it away",
          malformed);
    }
  }
}
