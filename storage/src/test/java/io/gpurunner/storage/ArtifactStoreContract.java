package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.gpurunner.storage.StorageException.Kind;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What every artifact store does; run on each of them, the real ones included. */
abstract class ArtifactStoreContract {
  static final byte[] HELLO = "hello".getBytes(java.nio.charset.StandardCharsets.UTF_8);

  final JobFolder folder = new JobFolder("ai" + UUID.randomUUID());

  abstract ArtifactStore store();

  /**
   * The object's bytes in a range, as a client with the URL gets them; fails unless it is given.
   */
  abstract byte[] fetch(URI url, long from, long to) throws Exception;

  /** Fails unless a client with the URL is refused. */
  abstract void assertRefused(URI url) throws Exception;

  /** What an interrupted upload may have left in the folder, in the store's own words. */
  abstract java.util.List<String> unfinished(JobFolder folder) throws Exception;

  @AfterEach
  void removeFolder() {
    store().deleteAll(folder);
    store().close();
  }

  ObjectKey key(String file) {
    return new ObjectKey(folder, file);
  }

  static ArtifactContent content(byte[] bytes) {
    return new BytesContent(bytes, "application/octet-stream");
  }

  static byte[] randomBytes(int count) {
    byte[] bytes = new byte[count];
    new Random(count).nextBytes(bytes);
    return bytes;
  }

  URI url(ObjectKey key) {
    return store().signedUrl(key, Instant.now(), Duration.ofMinutes(5));
  }

  byte[] fetch(ObjectKey key, int length) throws Exception {
    return fetch(url(key), 0, length - 1L);
  }

  @Test
  void describesItself() {
    assertThat(store().description()).containsAnyOf("local store /", "S3 bucket ");
  }

  @Test
  void answersAProbeAndLeavesNothing() {
    store().probe();
    store().probe();
  }

  @Test
  void givesBackWhatWasPut() throws Exception {
    store().put(key("ds_model.bin"), content(HELLO), Cancellation.NEVER);

    assertThat(store().exists(key("ds_model.bin"))).isTrue();
    assertThat(store().exists(key("ds_model"))).isFalse();
    assertThat(fetch(key("ds_model.bin"), HELLO.length)).isEqualTo(HELLO);
  }

  @Test
  void takesAnEmptyObject() throws Exception {
    store().put(key("empty"), content(new byte[0]), Cancellation.NEVER);

    assertThat(store().exists(key("empty"))).isTrue();
  }

  @Test
  void replacesAnObject() throws Exception {
    store().put(key("a"), content(HELLO), Cancellation.NEVER);
    byte[] other = randomBytes(100);
    store().put(key("a"), content(other), Cancellation.NEVER);

    assertThat(fetch(key("a"), 100)).isEqualTo(other);
  }

  @Test
  void takesNamesOfAllKinds() throws Exception {
    for (String name :
        new String[] {
          "with blank",
          "a+b",
          "%41",
          "模型.bin",
          "a&b=c?d#e",
          "~*'()!",
          "q\"uote",
          "-",
          "x".repeat(255)
        }) {
      store().put(key(name), content(HELLO), Cancellation.NEVER);

      assertThat(fetch(key(name), HELLO.length)).as(name).isEqualTo(HELLO);
    }
  }

  @Test
  void putsLargeObjectsInPartsAndServesRanges() throws Exception {
    byte[] large = randomBytes(40 << 20);
    store().put(key("large"), content(large), Cancellation.NEVER);

    assertThat(fetch(key("large"), large.length)).isEqualTo(large);
    int from = (16 << 20) - 3;
    assertThat(fetch(url(key("large")), from, from + 9L))
        .isEqualTo(Arrays.copyOfRange(large, from, from + 10));
    assertThat(unfinished(folder)).isEmpty();
  }

  @Test
  void leavesNothingOfACancelledUpload() throws Exception {
    AtomicInteger asked = new AtomicInteger();
    Cancellation soon = () -> asked.incrementAndGet() > 50;

    assertThatThrownBy(() -> store().put(key("large"), content(randomBytes(40 << 20)), soon))
        .asInstanceOf(type(StorageException.class))
        .extracting(StorageException::kind)
        .isEqualTo(Kind.CANCELLED);

    assertThat(store().exists(key("large"))).isFalse();
    assertThat(unfinished(folder)).isEmpty();
  }

  @Test
  void keepsTheOldObjectWhenTheNewOneIsCancelled() throws Exception {
    store().put(key("a"), content(HELLO), Cancellation.NEVER);

    assertThatThrownBy(() -> store().put(key("a"), content(randomBytes(100)), () -> true))
        .isInstanceOf(StorageException.class);

    assertThat(fetch(key("a"), HELLO.length)).isEqualTo(HELLO);
  }

  @Test
  void refusesContentThatIsNotAsAnnounced() throws Exception {
    ArtifactContent shorter =
        new ArtifactContent() {
          @Override
          public long lengthBytes() {
            return 20 << 20;
          }

          @Override
          public String mediaType() {
            return "application/octet-stream";
          }

          @Override
          public InputStream open(long offset) throws IOException {
            return content(new byte[17 << 20]).open(Math.min(offset, 17 << 20));
          }
        };

    assertThatThrownBy(() -> store().put(key("short"), shorter, Cancellation.NEVER))
        .isInstanceOf(StorageException.class)
        .hasMessageContaining("early")
        .asInstanceOf(type(StorageException.class))
        .extracting(StorageException::kind)
        .isEqualTo(Kind.REFUSED);
    assertThat(store().exists(key("short"))).isFalse();
    assertThat(unfinished(folder)).isEmpty();
  }

  @Test
  void removesAFolderAndNoOther() throws Exception {
    JobFolder neighbour = new JobFolder(folder.name() + "x");
    store().put(key("a"), content(HELLO), Cancellation.NEVER);
    store().put(key("manifest.json"), content(HELLO), Cancellation.NEVER);
    store().put(new ObjectKey(neighbour, "a"), content(HELLO), Cancellation.NEVER);

    store().deleteAll(folder);
    store().deleteAll(folder);

    assertThat(store().exists(key("a"))).isFalse();
    assertThat(store().exists(key("manifest.json"))).isFalse();
    assertThat(store().exists(new ObjectKey(neighbour, "a"))).isTrue();
    store().deleteAll(neighbour);
  }

  @Test
  void refusesExpiredUrls() throws Exception {
    store().put(key("a"), content(HELLO), Cancellation.NEVER);

    assertRefused(
        store().signedUrl(key("a"), Instant.now().minusSeconds(120), Duration.ofSeconds(60)));
  }

  @Test
  void refusesTamperedUrls() throws Exception {
    store().put(key("a"), content(HELLO), Cancellation.NEVER);
    store().put(key("b"), content(HELLO), Cancellation.NEVER);
    String url = url(key("a")).toString();

    assertRefused(URI.create(url.replace("/a?", "/b?")));
    assertRefused(URI.create(url.replaceAll("(?i)(signature=).", "$1").concat("0")));
    assertRefused(URI.create(url.replaceAll("(?i)(expires=)[0-9]+", "$1" + "86000")));
  }
}
