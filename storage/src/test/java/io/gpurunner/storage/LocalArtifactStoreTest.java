package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.storage.LocalArtifactStore.Lookup;
import java.io.RandomAccessFile;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LocalArtifactStoreTest extends ArtifactStoreContract {
  private static final URI BASE = URI.create("https://gpu1.example.org/");
  private static final Instant NOW = Instant.parse("2026-03-04T05:06:07Z");

  @TempDir Path directory;
  private LocalArtifactStore store = open(new byte[32]);

  @BeforeEach
  void open() {
    store = open(new byte[32]);
  }

  private LocalArtifactStore open(byte[] signingKey) {
    Path root = directory == null ? Path.of("/nowhere") : directory.resolve("artifacts");
    return new LocalArtifactStore(root, BASE, signingKey);
  }

  @Override
  protected ArtifactStore store() {
    return store;
  }

  private Lookup find(URI url) {
    List<String> segments = List.of(url.getRawPath().split("/", -1));
    assertThat(segments.subList(0, 2)).containsExactly("", "artifacts");
    Map<String, String> query =
        Arrays.stream(url.getRawQuery().split("&"))
            .map(pair -> pair.split("=", 2))
            .collect(Collectors.toMap(pair -> pair[0], pair -> pair[1]));
    return store.find(
        segments.get(2),
        URLDecoder.decode(segments.get(3).replace("+", "%2B"), StandardCharsets.UTF_8),
        query.getOrDefault("expires", ""),
        query.getOrDefault("signature", ""),
        Instant.now());
  }

  @Override
  protected boolean isThere(ObjectKey key) {
    return find(url(key)) instanceof Lookup.Found;
  }

  @Override
  byte[] fetch(URI url, long from, long to) throws Exception {
    assertThat(url.toString()).startsWith("https://gpu1.example.org/artifacts/");
    if (!(find(url) instanceof Lookup.Found(Path path))) {
      throw new AssertionError("not found: " + url);
    }
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "r")) {
      byte[] bytes = new byte[(int) (to - from + 1)];
      file.seek(from);
      file.readFully(bytes);
      return bytes;
    }
  }

  @Override
  void assertRefused(URI url) {
    assertThat(find(url)).isInstanceOf(Lookup.Refused.class);
  }

  @Override
  List<String> unfinished(JobFolder folder) throws Exception {
    try (Stream<Path> files = Files.list(directory.resolve("artifacts/.incoming"))) {
      return files.map(Path::toString).toList();
    }
  }

  @Test
  void saysThatAnObjectIsGone() {
    store.put(key("a"), content(HELLO), Cancellation.NEVER);
    URI url = url(key("a"));
    store.deleteAll(folder);

    assertThat(find(url)).isInstanceOf(Lookup.Missing.class);
  }

  @Test
  void signsWithItsKeyOnly() {
    store.put(key("a"), content(HELLO), Cancellation.NEVER);
    byte[] other = new byte[32];
    other[0] = 1;
    store = open(other);
    URI signedByOther = url(key("a"));
    store = open(new byte[32]);

    assertRefused(signedByOther);
    assertThatThrownBy(() -> open(new byte[31])).hasMessageContaining("32");
  }

  /** Signs with the store's key, independently of the store, also what it would never sign. */
  private static String signature(String folderName, String file, String expires)
      throws GeneralSecurityException {
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(new byte[32], "HmacSHA256"));
    String text = "artifact\n" + folderName + "\n" + file + "\n" + expires;
    return Base64.getUrlEncoder()
        .withoutPadding()
        .encodeToString(mac.doFinal(text.getBytes(StandardCharsets.UTF_8)));
  }

  private Lookup findSigned(String folderName, String file, String expires) throws Exception {
    return store.find(folderName, file, expires, signature(folderName, file, expires), NOW);
  }

  private void put(JobFolder ofJob, String file) {
    store.put(new ObjectKey(ofJob, file), content(HELLO), Cancellation.NEVER);
  }

  @Test
  void aSignatureIsGoodForItsFolderFileAndTimeOnly() throws Exception {
    JobFolder other = new JobFolder(folder.name() + "0");
    put(folder, "a");
    put(folder, "b");
    put(other, "a");
    String expires = Long.toString(NOW.plusSeconds(60).getEpochSecond());
    String signature = signature(folder.name(), "a", expires);

    assertThat(store.find(folder.name(), "a", expires, signature, NOW))
        .isInstanceOf(Lookup.Found.class);
    assertThat(store.find(folder.name(), "b", expires, signature, NOW))
        .isInstanceOf(Lookup.Refused.class);
    assertThat(store.find(other.name(), "a", expires, signature, NOW))
        .isInstanceOf(Lookup.Refused.class);
    assertThat(store.find(folder.name(), "a", expires + "0", signature, NOW))
        .isInstanceOf(Lookup.Refused.class);
    assertThat(store.find(folder.name(), "a", "0" + expires, signature, NOW))
        .isInstanceOf(Lookup.Refused.class);
    for (int at = 0; at < signature.length() - 1; at++) {
      char changed = signature.charAt(at) == 'A' ? 'B' : 'A';
      String forged = signature.substring(0, at) + changed + signature.substring(at + 1);
      assertThat(store.find(folder.name(), "a", expires, forged, NOW))
          .isInstanceOf(Lookup.Refused.class);
    }
    for (String cut : List.of("", signature.substring(1), signature.substring(0, 40))) {
      assertThat(store.find(folder.name(), "a", expires, cut, NOW))
          .isInstanceOf(Lookup.Refused.class);
    }
  }

  @Test
  void aUrlIsGoodUntilItExpires() throws Exception {
    put(folder, "a");
    String now = Long.toString(NOW.getEpochSecond());
    String next = Long.toString(NOW.getEpochSecond() + 1);

    assertThat(findSigned(folder.name(), "a", next)).isInstanceOf(Lookup.Found.class);
    for (String over : List.of(now, "0", "1")) {
      assertThat(findSigned(folder.name(), "a", over))
          .isInstanceOfSatisfying(
              Lookup.Refused.class,
              refused -> assertThat(refused.message()).contains("expired at"));
    }
  }

  @Test
  void refusesWhatIsNoUrlOfOursHoweverWellSigned() throws Exception {
    put(folder, "a");
    String expires = Long.toString(NOW.plusSeconds(60).getEpochSecond());
    for (String folderName : List.of("..", ".", "", ".incoming", "a/../b", "ai\u0000", "ai/")) {
      assertNoUrl(folderName, "a", expires);
    }
    String up = "../" + folder.name() + "/a";
    for (String file : List.of("..", "", ".", "a/b", up, "../../etc/passwd", "a\u0000", "a\nb")) {
      assertNoUrl(folder.name(), file, expires);
    }
    for (String time : List.of("", "-1", "1e9", "99999999999999999999", " " + expires, "٩٩٩٩")) {
      assertNoUrl(folder.name(), "a", time);
    }
    for (String signature : List.of("", "!", "====", "AA\n")) {
      assertThat(store.find(folder.name(), "a", expires, signature, NOW))
          .isInstanceOf(Lookup.Refused.class);
    }
  }

  private void assertNoUrl(String folderName, String file, String expires) throws Exception {
    assertThat(findSigned(folderName, file, expires))
        .isInstanceOfSatisfying(
            Lookup.Refused.class,
            refused -> assertThat(refused.message()).contains("signature is wrong"));
  }

  @Test
  void servesNoLink() throws Exception {
    store.put(key("a"), content(HELLO), Cancellation.NEVER);
    Path link = directory.resolve("artifacts").resolve(folder.name()).resolve("link");
    Files.createSymbolicLink(link, Path.of("/etc/shadow"));

    assertThat(find(url(key("link")))).isInstanceOf(Lookup.Missing.class);
  }

  @Test
  void keepsItsFilesFromOtherUsers() throws Exception {
    store.put(key("a"), content(HELLO), Cancellation.NEVER);
    Path root = directory.resolve("artifacts");

    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(root)))
        .isEqualTo("rwx------");
    assertThat(
            PosixFilePermissions.toString(
                Files.getPosixFilePermissions(root.resolve(folder.name()).resolve("a"))))
        .isEqualTo("rw-------");
  }

  @Test
  void removesWhatACrashedUploadLeft() throws Exception {
    store.probe();
    Path left = directory.resolve("artifacts/.incoming").resolve(folder.name() + ".1234");
    Files.writeString(left, "half");

    store.deleteAll(folder);

    assertThat(left).doesNotExist();
  }

  @Test
  void namesItselfWhenItCannotWrite() throws Exception {
    Files.writeString(directory.resolve("artifacts"), "a file");

    assertThatThrownBy(() -> store.probe())
        .isInstanceOf(StorageException.class)
        .hasMessageContaining(directory.resolve("artifacts").toString());
    assertThatThrownBy(() -> store.put(key("a"), content(HELLO), Cancellation.NEVER))
        .isInstanceOf(StorageException.class)
        .hasMessageContaining(directory.resolve("artifacts").toString());
    Files.delete(directory.resolve("artifacts"));
  }
}
