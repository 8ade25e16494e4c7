package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.gpurunner.storage.StorageException.Kind;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ArtifactPublisherTest {
  private static final long PLENTY = Long.MAX_VALUE;

  private static final JobFolder FOLDER = new JobFolder("ai1");

  @TempDir Path directory;

  @BeforeEach
  void makeModel() throws IOException {
    Files.createDirectory(model());
    Files.createDirectory(checkpoint());
  }

  private Path checkpoint() {
    return directory.resolve("checkpoint");
  }

  private ModelSource source() {
    return new ModelSource(model(), Path.of("/data2"), checkpoint(), Path.of("/data"));
  }

  private Path model() {
    return directory.resolve("model");
  }

  private Path published(String file) {
    return directory.resolve("artifacts").resolve(FOLDER.name()).resolve(file);
  }

  private LocalArtifactStore store() {
    return new LocalArtifactStore(
        directory.resolve("artifacts"), URI.create("http://localhost"), new byte[32]);
  }

  private PublishedArtifacts publish() {
    return new ArtifactPublisher(store(), new FileWork())
        .publish(FOLDER, source(), PLENTY, Cancellation.NEVER);
  }

  private JsonNode manifest() throws IOException {
    return JsonMapper.builder().build().readTree(published("manifest.json").toFile());
  }

  private List<String> publishedFiles() throws IOException {
    try (Stream<Path> files = Files.list(published("."))) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  /** Reads the archive with Java's streaming reader, which does not use the central directory. */
  private Map<String, String> unzipped() throws IOException {
    Map<String, String> entries = new TreeMap<>();
    try (ZipInputStream zip = new ZipInputStream(Files.newInputStream(published("data.zip")))) {
      for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        entries.put(entry.getName(), new String(zip.readAllBytes(), StandardCharsets.UTF_8));
      }
    }
    return entries;
  }

  private static String sha256(String text) throws Exception {
    return HexFormat.of()
        .formatHex(
            MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
  }

  @Test
  void publishesOneFileUnderItsOwnName() throws Exception {
    Files.createDirectories(model().resolve("a/b"));
    Files.writeString(model().resolve("a/b/ds_model.bin"), "weights");

    assertThat(publish())
        .isEqualTo(new PublishedArtifacts(Optional.of("ds_model.bin"), 1, 7, List.of()));

    assertThat(published("ds_model.bin")).hasContent("weights");
    JsonNode manifest = manifest();
    assertThat(manifest.path("artifact").asText()).isEqualTo("ds_model.bin");
    JsonNode file = manifest.path("files").path(0);
    assertThat(file.path("path").asText()).isEqualTo("a/b/ds_model.bin");
    assertThat(file.path("bytes").asLong()).isEqualTo(7);
    assertThat(file.path("sha256").asText()).isEqualTo(sha256("weights"));
  }

  @Test
  void publishesSeveralFilesAsAnArchive() throws Exception {
    Files.createDirectories(model().resolve("deep/er"));
    Files.writeString(model().resolve("b"), "bee");
    Files.writeString(model().resolve("deep/er/模型"), "model");
    Files.writeString(model().resolve("empty"), "");

    assertThat(publish())
        .isEqualTo(new PublishedArtifacts(Optional.of("data.zip"), 3, 8, List.of()));

    assertThat(unzipped()).isEqualTo(Map.of("b", "bee", "deep/er/模型", "model", "empty", ""));
    HostileTree.run(directory, List.of("unzip", "-t", published("data.zip").toString()));
    assertThat(
            HostileTree.run(
                directory,
                List.of(
                    "python3",
                    "-c",
                    "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is"
                        + " None; print(len(z.namelist()))",
                    published("data.zip").toString())))
        .isEqualToIgnoringNewLines("3");
    assertThat(manifest().path("files")).hasSize(3);
  }

  @Test
  void givesTheSameArchiveTwice() throws Exception {
    Files.writeString(model().resolve("a"), "1");
    Files.writeString(model().resolve("b"), "2");
    publish();
    byte[] first = Files.readAllBytes(published("data.zip"));
    publish();

    assertThat(published("data.zip")).hasBinaryContent(first);
  }

  @Test
  void publishesAnEmptyDirectoryAsAManifestAlone() throws Exception {
    Files.createDirectory(model().resolve("empty"));

    assertThat(publish())
        .isEqualTo(
            new PublishedArtifacts(
                Optional.empty(),
                0,
                0,
                List.of(
                    "modelPath /data2 holds no file, so nothing is published; ckptPath /data holds"
                        + " no file either")));

    assertThat(publishedFiles()).containsExactly("manifest.json");
    assertThat(manifest().has("artifact")).isFalse();
    assertThat(manifest().path("files")).isEmpty();
  }

  @Test
  void publishesNeitherLinksNorPipesAndSaysSo() throws Exception {
    Path secret = Files.writeString(directory.resolve("secret"), "secret");
    Files.writeString(model().resolve("a"), "1");
    Files.createSymbolicLink(model().resolve("shadow"), Path.of("/etc/shadow"));
    Files.createSymbolicLink(model().resolve("etc"), Path.of("/etc"));
    Files.createSymbolicLink(model().resolve("secret"), secret);
    Files.createSymbolicLink(model().resolve("loop"), Path.of("loop"));
    HostileTree.shell(
        model(),
        "mkfifo pipe; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")'");
    Files.createLink(model().resolve("hard"), model().resolve("a"));

    PublishedArtifacts published = publish();

    assertThat(published.fileCount()).isEqualTo(2);
    assertThat(published.warnings())
        .containsExactly(
            "6 entries of modelPath are not published:"
                + " etc (a link that leads out of the job's directories),"
                + " loop (a link that leads in a circle), pipe (a pipe, socket or device),"
                + " secret (a link that leads out of the job's directories),"
                + " shadow (a link that leads out of the job's directories),"
                + " sock (a pipe, socket or device)");
    assertThat(unzipped().keySet()).containsExactly("a", "hard");
    List<String> skipped = new ArrayList<>();
    manifest().path("skipped").forEach(entry -> skipped.add(entry.path("path").asText()));
    assertThat(skipped).containsExactly("etc", "loop", "pipe", "secret", "shadow", "sock");
    assertThat(manifest().path("skippedCount").asLong()).isEqualTo(6);
    assertThat(Files.readString(published("manifest.json"))).doesNotContain("root:");
  }

  @Test
  void publishesWhatALinkToTheJobsOwnFilesLeadsTo() throws Exception {
    Files.writeString(checkpoint().resolve("best.pt"), "weights");
    Files.createSymbolicLink(model().resolve("model.pt"), Path.of("/data/best.pt"));

    assertThat(publish())
        .isEqualTo(new PublishedArtifacts(Optional.of("model.pt"), 1, 7, List.of()));

    assertThat(published("model.pt")).hasContent("weights");
    JsonNode file = manifest().path("files").path(0);
    assertThat(file.path("path").asText()).isEqualTo("model.pt");
    assertThat(file.path("linkTo").asText()).isEqualTo("/data/best.pt");
  }

  /** The cache of Hugging Face looks like this. */
  @Test
  void publishesLinkedDirectoriesAndChainsOfLinks() throws Exception {
    Files.createDirectories(model().resolve("blobs"));
    Files.createDirectories(model().resolve("snapshots/1"));
    Files.createDirectories(checkpoint().resolve("steps/10"));
    Files.writeString(model().resolve("blobs/abc"), "weights");
    Files.writeString(checkpoint().resolve("steps/10/state"), "ten");
    Files.createSymbolicLink(model().resolve("snapshots/1/model.bin"), Path.of("../../blobs/abc"));
    Files.createSymbolicLink(checkpoint().resolve("last"), Path.of("steps/10"));
    Files.createSymbolicLink(model().resolve("last"), Path.of("../data/last"));
    Files.createSymbolicLink(model().resolve("latest"), Path.of("/data2/last/../10"));
    Files.createSymbolicLink(
        checkpoint().resolve("steps/10/model"), Path.of("/data2/snapshots/1/model.bin"));

    assertThat(publish().warnings()).isEmpty();

    assertThat(unzipped())
        .isEqualTo(
            Map.of(
                "blobs/abc", "weights",
                "snapshots/1/model.bin", "weights",
                "last/state", "ten",
                "last/model", "weights",
                "latest/state", "ten",
                "latest/model", "weights"));
  }

  @Test
  void followsNoLinkInACircleOrOutOfTheJobsDirectories() throws Exception {
    Files.writeString(directory.resolve("secret"), "secret");
    Files.writeString(checkpoint().resolve("state"), "1");
    Files.createDirectories(model().resolve("dir"));
    for (String link :
        List.of(
            "dir/up ..",
            "dir/self /data2/dir",
            "dir/other /data",
            "one two",
            "two one",
            "absent nothing",
            "under /data/state/x",
            "out ../secret",
            "far /data/../../secret",
            "root /")) {
      String[] parts = link.split(" ", -1);
      Files.createSymbolicLink(model().resolve(parts[0]), Path.of(parts[1]));
    }
    Files.createSymbolicLink(checkpoint().resolve("back"), Path.of("/data2"));
    Files.createSymbolicLink(checkpoint().resolve("outside"), Path.of("../secret"));

    PublishedArtifacts published = publish();

    assertThat(published.fileCount()).isEqualTo(1);
    Map<String, String> skipped = new TreeMap<>();
    manifest()
        .path("skipped")
        .forEach(entry -> skipped.put(entry.path("path").asText(), entry.path("reason").asText()));
    String out = "a link that leads out of the job's directories";
    String circle = "a link that leads in a circle";
    String absent = "a link to something that is not there";
    assertThat(skipped)
        .isEqualTo(
            new TreeMap<>(
                Map.ofEntries(
                    Map.entry("absent", absent),
                    Map.entry("dir/other/back", circle),
                    Map.entry("dir/other/outside", out),
                    Map.entry("dir/self", circle),
                    Map.entry("dir/up", circle),
                    Map.entry("far", out),
                    Map.entry("one", circle),
                    Map.entry("out", out),
                    Map.entry("root", out),
                    Map.entry("two", circle),
                    Map.entry("under", absent))));
    assertThat(published.warnings()).singleElement().asString().endsWith(", …");
  }

  /** Each of 30 directories holds two links to the next one: a thousand million names. */
  @Test
  void linksThatMultiplyAreBounded() throws Exception {
    for (int level = 0; level < 30; level++) {
      Path each = Files.createDirectory(checkpoint().resolve("d" + level));
      for (String link : List.of("a", "b")) {
        Files.createSymbolicLink(each.resolve(link), Path.of("../d" + (level + 1)));
      }
    }
    Files.createDirectory(checkpoint().resolve("d30"));
    Files.createSymbolicLink(model().resolve("all"), Path.of("/data/d0"));

    assertUnfit(this::publish, "more than");
  }

  @Test
  void linkedFilesCountInTheLimit() throws Exception {
    Files.writeString(checkpoint().resolve("best.pt"), "weights");
    Files.createSymbolicLink(model().resolve("model.pt"), Path.of("/data/best.pt"));

    ModelDirectory.measure(source(), 7, Cancellation.NEVER);
    assertUnfit(() -> ModelDirectory.measure(source(), 6, Cancellation.NEVER), "more than the 6 ");
  }

  @Test
  void keepsTheExecutableBitAndEmptyDirectories() throws Exception {
    HostileTree.shell(
        model(), "printf x > run.sh; chmod 755 run.sh; printf y > data; mkdir -p logs/empty other");

    assertThat(publish().fileCount()).isEqualTo(2);

    Path unpacked = Files.createDirectory(directory.resolve("unpacked"));
    HostileTree.run(unpacked, List.of("unzip", "-q", published("data.zip").toString()));
    assertThat(unpacked.resolve("run.sh")).isExecutable();
    assertThat(Files.isExecutable(unpacked.resolve("data"))).isFalse();
    assertThat(unpacked.resolve("logs/empty")).isEmptyDirectory();
    assertThat(unpacked.resolve("other")).isEmptyDirectory();
    assertThat(unzipped().keySet())
        .containsExactlyInAnyOrder("run.sh", "data", "logs/empty/", "other/");
  }

  /** The engine makes an empty directory or file on which it mounts a data set. */
  @Test
  void doesNotPublishWhatWasMadeToMountSomethingOnIt() throws Exception {
    HostileTree.shell(
        model(),
        "printf x > a; touch own corpus.txt; mkdir -p in/deep/set logs; touch in/step; ln -s"
            + " corpus.txt to-file; ln -s in/deep/set to-set; ln -s /data2/in/deep/set/x to-x");
    ModelSource source =
        new ModelSource(
            model(),
            Path.of("/data2"),
            checkpoint(),
            Path.of("/data"),
            List.of(Path.of("/data2/in/deep/set"), Path.of("/data2/corpus.txt")));
    PublishedArtifacts published =
        new ArtifactPublisher(store(), new FileWork())
            .publish(FOLDER, source, PLENTY, Cancellation.NEVER);
    assertThat(unzipped().keySet()).containsExactlyInAnyOrder("a", "own", "in/step", "logs/");
    String out = " (a link that leads out of the job's directories)";
    assertThat(published.warnings())
        .containsExactly(
            "3 entries of modelPath are not published: to-file%1$s, to-set%1$s, to-x%1$s"
                .formatted(out));
  }

  @Test
  void saysWhatIsInTheCheckpointDirectoryWhereTheModelDirectoryIsEmpty() throws Exception {
    Files.createDirectory(checkpoint().resolve("steps"));
    Files.writeString(checkpoint().resolve("steps/model.pt"), "weights");
    assertThat(publish().warnings())
        .containsExactly(
            "modelPath /data2 holds no file, so nothing is published; ckptPath /data holds one"
                + " file: steps/model.pt");

    Files.writeString(checkpoint().resolve("steps/second.pt"), "weights");
    assertThat(publish().warnings()).singleElement().asString().contains("2 files, such as steps/");
  }

  @Test
  void refusesAModelDirectoryThatIsALink() throws Exception {
    Files.delete(model());
    Files.createSymbolicLink(model(), Path.of("/etc"));

    assertThatThrownBy(this::publish)
        .isInstanceOf(StorageException.class)
        .hasMessageContainingAll(model().toString(), "not a directory");
    assertThat(published("manifest.json")).doesNotExist();
  }

  @Test
  void makesNamesSafe() throws Exception {
    String longest = "x".repeat(255);
    HostileTree.shell(
        model(),
        "for name in 'new\nline' \"$(printf 'tab\\tx')\" \"$(printf 'bad\\377utf')\" 'bad%FFutf'"
            + " '..\\..\\evil' 'C:evil' '...' ' ' '-rf' \"$(printf '\\033[31mred')\""
            + " \"$(printf 'rtl\\342\\200\\256gpj.exe')\" \"$(printf 'cut\\346\\250')\""
            + " manifest.json "
            + longest
            + "; do printf x > \"./$name\"; done");

    publish();

    assertThat(unzipped().keySet())
        .containsExactlyInAnyOrder(
            "new%0Aline",
            "tab%09x",
            "bad%FFutf",
            "bad%FFutf~2",
            "..%5C..%5Cevil",
            "C%3Aevil",
            "...",
            " ",
            "-rf",
            "%1B[31mred",
            "rtl%E2%80%AEgpj.exe",
            "cut%E6%A8",
            "manifest.json",
            longest);
    HostileTree.run(directory, List.of("unzip", "-t", published("data.zip").toString()));
  }

  @Test
  void zipsASingleFileWhoseNameNoObjectCanBear() throws Exception {
    for (String name : List.of("manifest.json", "new\nline", "back\\slash")) {
      Path file = Files.writeString(model().resolve(name), "x");

      assertThat(publish().file()).as(name).contains("data.zip");
      assertThat(unzipped()).hasSize(1);
      assertThat(manifest().path("artifact").asText()).isEqualTo("data.zip");
      Files.delete(file);
    }
  }

  @Test
  void publishesASingleFileCalledLikeTheArchiveAsItIs() throws Exception {
    Files.writeString(model().resolve("data.zip"), "no archive");

    publish();

    assertThat(published("data.zip")).hasContent("no archive");
  }

  @Test
  void leavesNoStaleManifestWhenItFails() throws Exception {
    Files.writeString(model().resolve("a"), "1");
    publish();
    assertThat(published("manifest.json")).exists();

    Files.writeString(model().resolve("b"), "2");
    Cancellation onceTheOldIsGone = () -> !Files.exists(published("manifest.json"));
    assertThatThrownBy(
            () ->
                new ArtifactPublisher(store(), new FileWork())
                    .publish(FOLDER, source(), PLENTY, onceTheOldIsGone))
        .asInstanceOf(type(StorageException.class))
        .extracting(StorageException::kind)
        .isEqualTo(Kind.CANCELLED);

    assertThat(published("manifest.json")).doesNotExist();
    assertThat(published("a")).doesNotExist();
  }

  @Test
  void writesTheManifestLast() throws Exception {
    Files.writeString(model().resolve("a"), "1");
    Files.writeString(model().resolve("b"), "1");
    List<String> steps = new ArrayList<>();
    new ArtifactPublisher(new RecordingStore(steps), new FileWork())
        .publish(FOLDER, source(), PLENTY, Cancellation.NEVER);

    assertThat(steps).containsExactly("withdraw ai1", "put ai1/data.zip", "put ai1/manifest.json");
  }

  @Test
  void failsWhenAFileChangesBetweenMeasuringAndSending() throws Exception {
    Path file = model().resolve("a");
    Files.write(file, new byte[3 << 20]);
    Files.writeString(model().resolve("b"), "1");
    ModelDirectory measured = ModelDirectory.measure(source(), PLENTY, Cancellation.NEVER);
    byte[] changed = new byte[3 << 20];
    changed[2_500_000] = 1;
    Files.write(file, changed);

    ArtifactContent zip = new ZipContent(measured.entries());
    assertThatThrownBy(
            () -> store().put(new ObjectKey(FOLDER, "data.zip"), zip, Cancellation.NEVER))
        .isInstanceOf(StorageException.class)
        .hasMessageContaining("a changed while it was being published");
    assertThat(published("data.zip")).doesNotExist();
  }

  @Test
  void refusesTreesThatAreTooDeep() throws Exception {
    HostileTree.shell(model(), "i=0; while [ $i -lt 250 ]; do mkdir d; cd d; i=$((i+1)); done");

    assertUnfit(this::publish, "the model directory cannot be published", "deeper than 200");
  }

  private static void assertUnfit(ThrowingCallable call, String... words) {
    assertThatThrownBy(call)
        .hasMessageContainingAll(words)
        .asInstanceOf(type(StorageException.class))
        .satisfies(
            failure -> {
              assertThat(failure.kind()).isEqualTo(Kind.UNFIT);
              assertThat(failure.retryable()).isFalse();
            });
  }

  private void measure(TreeBounds tree, int files, long totalBytes) {
    ModelDirectory.measure(
        source(), new ModelDirectory.Bounds(tree, files, totalBytes), Cancellation.NEVER);
  }

  @Test
  void boundsWhatIsListed() throws Exception {
    Files.createDirectory(model().resolve("dir"));
    Files.writeString(model().resolve("dir/one"), "1");
    Files.writeString(model().resolve("模型"), "22");
    Files.createSymbolicLink(model().resolve("link"), Path.of("absent"));
    int entries = 4;
    int nameBytes = "dirdironelink".length() + "模型".getBytes(StandardCharsets.UTF_8).length;
    TreeBounds exact = new TreeBounds(2, entries, nameBytes);

    measure(exact, 2, 3);
    assertUnfit(() -> measure(new TreeBounds(1, entries, nameBytes), 2, 3), "deeper than 1 ");
    assertUnfit(() -> measure(new TreeBounds(2, 3, nameBytes), 2, 3), "more than 3 files, dir");
    assertUnfit(
        () -> measure(new TreeBounds(2, entries, nameBytes - 1), 2, 3),
        "more than " + (nameBytes - 1) + " bytes together");
    assertUnfit(() -> measure(exact, 1, 3), "more than 1 files");
    assertUnfit(() -> measure(exact, 2, 2), "more than the 2 bytes asked for");
  }

  @Test
  void refusesASparseFileBeforeReadingIt() throws Exception {
    try (RandomAccessFile sparse = new RandomAccessFile(model().resolve("f").toFile(), "rw")) {
      sparse.setLength(PartPlan.MAX_OBJECT_BYTES + 1);
    }

    assertUnfit(this::publish, "sparse");
  }

  @Test
  void boundsTheManifest() throws Exception {
    Files.writeString(model().resolve("a"), "1");
    Files.writeString(model().resolve("b"), "2");
    ModelDirectory measured = ModelDirectory.measure(source(), PLENTY, Cancellation.NEVER);
    ArtifactContent manifest = Manifest.of(Optional.of("data.zip"), measured);
    byte[] whole = manifest.open(0).readAllBytes();

    assertThat(whole).hasSize((int) manifest.lengthBytes());
    for (int offset = 0; offset <= whole.length; offset++) {
      assertThat(manifest.open(offset).readAllBytes())
          .isEqualTo(Arrays.copyOfRange(whole, offset, whole.length));
    }
    Manifest.of(Optional.of("data.zip"), measured, whole.length);
    assertUnfit(
        () -> Manifest.of(Optional.of("data.zip"), measured, whole.length - 1L),
        "the list of its files",
        whole.length + " bytes");
  }

  /** Each of 12 bytes is written as it is or escaped, so 4096 names would be published as one. */
  @Test
  void tellsManyFilesOfOneNameApart() throws Exception {
    int escapes = 12;
    HostileTree.run(
        model(),
        List.of(
            "python3",
            "-c",
            "import itertools\n"
                + "for name in itertools.product([b'\\xff', b'%FF'], repeat="
                + escapes
                + "):\n  open(b''.join(name), 'w').close()\n"
                + "open('%FF' * 12 + '~7', 'w').close()"));

    List<String> names =
        ModelDirectory.measure(source(), PLENTY, Cancellation.NEVER).files().stream()
            .map(ModelFile::name)
            .toList();

    assertThat(names).hasSize((1 << escapes) + 1).doesNotHaveDuplicates();
  }

  /** Many jobs end at once, and their virtual threads must not read files themselves. */
  @Test
  void virtualThreadsPublishOnlySoManyAtATimeOnPlatformThreads() throws Exception {
    Files.writeString(model().resolve("a"), "1");
    SlowStore slow = new SlowStore();
    ArtifactPublisher publisher = new ArtifactPublisher(slow, new FileWork());
    List<Thread> threads = new ArrayList<>();
    for (int job = 1; job <= 3 * ArtifactPublisher.AT_A_TIME; job++) {
      JobFolder folder = new JobFolder("ai" + job);
      threads.add(
          Thread.ofVirtual()
              .start(() -> publisher.publish(folder, source(), PLENTY, Cancellation.NEVER)));
    }
    await(() -> slow.begun.size() == ArtifactPublisher.AT_A_TIME);

    slow.pass.release(Integer.MAX_VALUE / 2);
    for (Thread thread : threads) {
      thread.join();
    }

    assertThat(slow.most.get()).isEqualTo(ArtifactPublisher.AT_A_TIME);
    assertThat(slow.begun).hasSize(3 * ArtifactPublisher.AT_A_TIME);
    assertThat(slow.threads).allMatch(name -> name.startsWith("publish-"));
  }

  @Test
  void publishesNoMoreThanTheVolumeWasToHold() throws Exception {
    HostileTree.shell(model(), "truncate -s 3000M sparse");
    assertUnfit(
        () ->
            new ArtifactPublisher(store(), new FileWork())
                .publish(FOLDER, source(), 5_000_000, Cancellation.NEVER),
        "more than the 5000000 bytes asked for");
    HostileTree.shell(
        model(), "rm sparse; head -c 1000000 /dev/zero > a; for i in 1 2 3 4 5; do ln a a$i; done");
    assertUnfit(
        () ->
            new ArtifactPublisher(store(), new FileWork())
                .publish(FOLDER, source(), 5_000_000, Cancellation.NEVER),
        "more than the 5000000 bytes asked for");
    assertThat(published("manifest.json")).doesNotExist();
  }

  private static void await(BooleanSupplier condition) {
    long end = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.onSpinWait();
    }
  }

  /** A store that takes nothing until the test lets it. */
  private static final class SlowStore implements ArtifactStore {
    final Semaphore pass = new Semaphore(0);
    final List<String> begun = Collections.synchronizedList(new ArrayList<>());
    final List<String> threads = Collections.synchronizedList(new ArrayList<>());
    final AtomicInteger inside = new AtomicInteger();
    final AtomicInteger most = new AtomicInteger();

    @Override
    public String description() {
      return "slow";
    }

    @Override
    public ArtifactPlace place() {
      return new ArtifactPlace.Local();
    }

    @Override
    public void probe() {}

    @Override
    public void put(ObjectKey key, ArtifactContent content, Cancellation cancellation) {
      pass.acquireUninterruptibly();
      if (key.file().equals(Manifest.FILE)) {
        inside.decrementAndGet();
      }
    }

    @Override
    public Optional<StoredObject> read(ObjectKey key, int maxBytes) {
      return Optional.empty();
    }

    @Override
    public URI signedUrl(ObjectKey key, Instant now, Duration expiry) {
      return URI.create("slow:" + key.path());
    }

    @Override
    public void deleteAll(JobFolder folder) {
      most.accumulateAndGet(inside.incrementAndGet(), Math::max);
      threads.add(Thread.currentThread().getName());
      begun.add(folder.name());
    }

    @Override
    public void close() {}
  }

  @Test
  void publishesMoreFilesThanAPlainArchiveCanCount() throws Exception {
    for (int parent = 0; parent < 7; parent++) {
      Path child = Files.createDirectory(model().resolve("d" + parent));
      IntStream.range(0, 9_400).forEach(number -> touch(child.resolve("f" + number)));
    }

    assertThat(publish().fileCount()).isEqualTo(65_800);

    assertThat(unzipped()).hasSize(65_800);
    HostileTree.run(directory, List.of("unzip", "-tqq", published("data.zip").toString()));
    assertThat(
            HostileTree.run(
                directory,
                List.of(
                    "python3",
                    "-c",
                    "import sys, zipfile; print(len(zipfile.ZipFile(sys.argv[1]).namelist()))",
                    published("data.zip").toString())))
        .isEqualToIgnoringNewLines("65800");
  }

  private static void touch(Path file) {
    try {
      Files.createFile(file);
    } catch (IOException failure) {
      throw new java.io.UncheckedIOException(failure);
    }
  }

  private record RecordingStore(List<String> steps) implements ArtifactStore {
    @Override
    public String description() {
      return "recording";
    }

    @Override
    public ArtifactPlace place() {
      return new ArtifactPlace.Local();
    }

    @Override
    public void probe() {}

    @Override
    public void put(ObjectKey key, ArtifactContent content, Cancellation cancellation) {
      steps.add("put " + key.path());
    }

    @Override
    public Optional<StoredObject> read(ObjectKey key, int maxBytes) {
      return Optional.empty();
    }

    @Override
    public URI signedUrl(ObjectKey key, Instant now, Duration expiry) {
      return URI.create("recording:" + key.path());
    }

    @Override
    public void deleteAll(JobFolder folder) {
      steps.add("deleteAll " + folder.name());
    }

    @Override
    public void withdraw(JobFolder folder) {
      steps.add("withdraw " + folder.name());
    }

    @Override
    public void close() {}
  }
}
