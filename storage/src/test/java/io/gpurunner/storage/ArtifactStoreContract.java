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
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** The contract of the stores that other programs fetch from. Each of them passes it. */
abstract class ArtifactStoreContract extends ArtifactObjectsContract {
  /** Returns an object's bytes in a range, as a client with the URL gets them. */
  abstract byte[] fetch(URI url, long from, long to) throws Exception;

  /** Fails unless a client with the URL is refused. */
  abstract void assertRefused(URI url) throws Exception;

  /** Returns the names of what interrupted uploads left in the folder. */
  abstract java.util.List<String> unfinished(JobFolder folder) throws Exception;

  URI url(ObjectKey key) {
    return store().signedUrl(key, Instant.now(), Duration.ofMinutes(5));
  }

  @Override
  protected final byte[] fetch(ObjectKey key, int length) throws Exception {
    return fetch(url(key), 0, length - 1L);
  }

  @Test
  void describesItself() {
    assertThat(store().description()).containsAnyOf("local store /", "S3 bucket ");
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

    assertThat(isThere(key("large"))).isFalse();
    assertThat(unfinished(folder)).isEmpty();
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
    assertThat(isThere(key("short"))).isFalse();
    assertThat(unfinished(folder)).isEmpty();
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
