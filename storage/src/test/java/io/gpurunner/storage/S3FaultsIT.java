package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.gpurunner.storage.StorageException.Kind;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The S3 store and a real S3 server, with a network and a front end between them that fail. */
class S3FaultsIT {
  /** The length of an object of several parts. */
  private static final int LARGE_BYTES = 40 << 20;

  /** A place in the middle of a part. */
  private static final long MIDST_BYTES = 5L << 20;

  /** The time limit of calls that carry no content. */
  private static final Duration CALL_LIMIT = Duration.ofSeconds(5);

  /** The number of tries of a put; the agent repeats one for a day. */
  private static final int TRIES = 5;

  private final S3Settings settings = TestS3.settings();
  private final FaultProxy proxy = new FaultProxy(settings.endpoint().orElseThrow());
  private final S3ArtifactStore direct = new S3ArtifactStore(settings);
  private final S3ArtifactStore store = new S3ArtifactStore(at(proxy.uri()));
  private final JobFolder folder = new JobFolder("ai" + UUID.randomUUID());
  private final ObjectKey key = new ObjectKey(folder, "ds_model.bin");

  private S3Settings at(URI endpoint) {
    return new S3Settings(
        Optional.of(endpoint),
        settings.region(),
        settings.bucket(),
        true,
        settings.accessKeyFile(),
        settings.secretKeyFile());
  }

  @AfterEach
  void close() {
    direct.deleteAll(folder);
    store.close();
    proxy.close();
    direct.close();
  }

  private static byte[] bytes(int length) {
    byte[] bytes = new byte[length];
    new Random(length).nextBytes(bytes);
    return bytes;
  }

  private void put(byte[] bytes) {
    store.put(key, new BytesContent(bytes, "application/octet-stream"), Cancellation.NEVER);
  }

  private void assertThere(byte[] bytes) throws IOException, InterruptedException {
    URI url = direct.signedUrl(key, Instant.now(), Duration.ofMinutes(5));
    try (HttpClient http = HttpClient.newHttpClient()) {
      byte[] found =
          http.send(HttpRequest.newBuilder(url).build(), BodyHandlers.ofByteArray()).body();
      assertThat(found).isEqualTo(bytes);
    }
  }

  private void assertUnavailable(byte[] bytes, String words) {
    assertThatThrownBy(() -> put(bytes))
        .hasMessageContainingAll("S3 bucket " + settings.bucket(), proxy.uri().toString(), words)
        .asInstanceOf(type(StorageException.class))
        .satisfies(
            failure ->
                assertThat(failure.kind())
                    .as("%s, of %s", failure.getMessage(), failure.getCause())
                    .isEqualTo(Kind.UNAVAILABLE));
    assertThat(TestS3.isThere(direct, key)).isFalse();
  }

  @ParameterizedTest
  @CsvSource({"500, InternalError", "503, SlowDown", "503, ServiceUnavailable"})
  void anAnswerThatPassesIsAskedForAgain(int status, String code) throws Exception {
    byte[] bytes = bytes(1000);
    proxy.answerNext(2, status, code);
    put(bytes);
    assertThat(proxy.left()).isZero();
    assertThere(bytes);
  }

  @ParameterizedTest
  @CsvSource({"500, InternalError", "503, SlowDown"})
  void anAnswerThatStaysIsNamedAndWorthAnotherTry(int status, String code) {
    proxy.answerNext(100, status, code);
    assertUnavailable(bytes(1000), "HTTP " + status + " " + code);
  }

  @Test
  void aPartWhoseConnectionIsResetIsSentAgain() throws Exception {
    byte[] bytes = bytes(LARGE_BYTES);
    proxy.resetNext(2, MIDST_BYTES);
    put(bytes);
    assertThat(proxy.left()).isZero();
    assertThere(bytes);
  }

  @Test
  void partsThatNeverGetThroughLeaveNoObject() throws Exception {
    byte[] bytes = bytes(LARGE_BYTES);
    proxy.resetAll(MIDST_BYTES);
    assertUnavailable(bytes, "");
    // The next try is a new upload of the whole object.
    proxy.resetAll(Long.MAX_VALUE);
    putAsOftenAsTheAgentWould(bytes);
    assertThere(bytes);
  }

  /**
   * Repeats a put while the store is out of order. Ceph's gateway was seen to answer "NoSuchKey" to
   * a part of a new upload, soon after connections had been cut.
   */
  private void putAsOftenAsTheAgentWould(byte[] bytes) {
    for (int tries = 1; ; tries++) {
      try {
        put(bytes);
        return;
      } catch (StorageException e) {
        if (!e.retryable() || tries == TRIES) {
          throw e;
        }
      }
    }
  }

  /**
   * Sends an object in one request, and one in parts of 16 MiB at once. Each takes twice as long as
   * a call without content may take.
   */
  @ParameterizedTest
  @CsvSource({"5, 512", "40, 1638"})
  void aSlowConnectionTakesItsTime(int megabytes, int kilobytesPerSecond) throws Exception {
    byte[] bytes = bytes(megabytes << 20);
    proxy.slowAll((long) kilobytesPerSecond << 10);
    Instant start = Instant.now();
    try (S3ArtifactStore hurried =
        new S3ArtifactStore(at(proxy.uri()), CALL_LIMIT, System::nanoTime)) {
      hurried.put(key, new BytesContent(bytes, "application/octet-stream"), Cancellation.NEVER);
    }
    assertThat(Duration.between(start, Instant.now())).isGreaterThan(CALL_LIMIT);
    assertThere(bytes);
  }
}
