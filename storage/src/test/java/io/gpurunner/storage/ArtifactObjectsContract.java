package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The contract of every artifact store's objects. Each store passes it, the simulated one too. */
public abstract class ArtifactObjectsContract {
  protected static final byte[] HELLO = "hello".getBytes(StandardCharsets.UTF_8);

  /** A folder that no other test uses. */
  protected final JobFolder folder = new JobFolder("ai" + UUID.randomUUID());

  /** Returns the store under test, the same one throughout a test. */
  protected abstract ArtifactStore store();

  /** Returns whether a client that may fetch the object would find it. */
  protected abstract boolean isThere(ObjectKey key) throws Exception;

  /** Returns an object's first bytes, as a client gets them. Fails if there is no object. */
  protected abstract byte[] fetch(ObjectKey key, int length) throws Exception;

  @AfterEach
  void removeFolder() {
    store().deleteAll(folder);
    store().close();
  }

  final ObjectKey key(String file) {
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

  @Test
  void answersAProbeAndLeavesNothing() {
    store().probe();
    store().probe();
  }

  @Test
  void givesBackWhatWasPut() throws Exception {
    store().put(key("ds_model.bin"), content(HELLO), Cancellation.NEVER);

    assertThat(isThere(key("ds_model.bin"))).isTrue();
    assertThat(isThere(key("ds_model"))).isFalse();
    assertThat(fetch(key("ds_model.bin"), HELLO.length)).isEqualTo(HELLO);
  }

  @Test
  void takesAnEmptyObject() throws Exception {
    store().put(key("empty"), content(new byte[0]), Cancellation.NEVER);

    assertThat(isThere(key("empty"))).isTrue();
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
  void keepsTheOldObjectWhenTheNewOneIsCancelled() throws Exception {
    store().put(key("a"), content(HELLO), Cancellation.NEVER);

    assertThatThrownBy(() -> store().put(key("a"), content(randomBytes(100)), () -> true))
        .isInstanceOf(StorageException.class);

    assertThat(fetch(key("a"), HELLO.length)).isEqualTo(HELLO);
  }

  @Test
  void readsAShortObjectAndOnlyTheSizeOfALongerOne() {
    assertThat(store().read(key("a"), 10)).isEmpty();
    store().put(key("a"), content(HELLO), Cancellation.NEVER);
    store().put(key("empty"), content(new byte[0]), Cancellation.NEVER);
    store().put(key("large"), content(randomBytes(1 << 20)), Cancellation.NEVER);

    assertThat(store().read(key("a"), HELLO.length)).contains(StoredObject.ofContent(HELLO));
    assertThat(store().read(key("a"), HELLO.length - 1)).contains(StoredObject.ofSize(5));
    assertThat(store().read(key("a"), 0)).contains(StoredObject.ofSize(5));
    assertThat(store().read(key("empty"), 1)).contains(StoredObject.ofContent(new byte[0]));
    assertThat(store().read(key("empty"), 0)).contains(StoredObject.ofSize(0));
    assertThat(store().read(key("large"), 1000)).contains(StoredObject.ofSize(1 << 20));
    assertThat(store().read(key("b"), 0)).isEmpty();
    assertThat(store().read(new ObjectKey(new JobFolder("none"), "a"), 10)).isEmpty();
  }

  @Test
  void removesAFolderAndNoOther() throws Exception {
    JobFolder neighbour = new JobFolder(folder.name() + "x");
    store().put(key("a"), content(HELLO), Cancellation.NEVER);
    store().put(key("manifest.json"), content(HELLO), Cancellation.NEVER);
    store().put(new ObjectKey(neighbour, "a"), content(HELLO), Cancellation.NEVER);

    store().deleteAll(folder);
    store().deleteAll(folder);

    assertThat(isThere(key("a"))).isFalse();
    assertThat(isThere(key("manifest.json"))).isFalse();
    assertThat(isThere(new ObjectKey(neighbour, "a"))).isTrue();
    store().deleteAll(neighbour);
  }
}
