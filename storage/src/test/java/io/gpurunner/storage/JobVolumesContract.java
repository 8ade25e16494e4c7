package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.gpurunner.storage.StorageException.Kind;
import io.gpurunner.storage.VolumeSettings.Enforcement;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The contract of job volumes, whichever way their sizes are enforced. */
abstract class JobVolumesContract {
  static final long MB = 1 << 20;
  static final long LIMIT = 8 * MB;
  static final JobFolder JOB = new JobFolder("ai1");
  static final JobFolder OTHER = new JobFolder("ai2");

  @TempDir Path state;
  JobVolumes volumes = new DirectoryJobVolumes(Path.of("/nowhere"), 0, new Watching());

  abstract Enforcement enforcement();

  @BeforeEach
  void open() {
    volumes = reopen();
  }

  JobVolumes reopen() {
    return Volumes.open(new VolumeSettings(state, enforcement()));
  }

  @AfterEach
  void remove() {
    volumes.delete(JOB);
    volumes.delete(OTHER);
    volumes.close();
  }

  JobPaths prepare(JobFolder folder) {
    return volumes.prepare(folder, LIMIT, LIMIT);
  }

  private static String mode(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }

  static void makeFiles(Path directory, long count) throws Exception {
    HostileTree.shell(directory, "seq 1 " + count + " | xargs touch");
  }

  static void write(Path file, long bytes) throws IOException {
    try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
      byte[] block = new byte[(int) MB];
      java.util.Arrays.fill(block, (byte) 1);
      for (long written = 0; written < bytes; written += MB) {
        out.write(block);
      }
      out.getFD().sync();
    }
  }

  @Test
  void makesEmptyDirectoriesThatAnyContainerUserCanWrite() throws Exception {
    JobPaths paths = prepare(JOB);

    assertThat(paths).isEqualTo(volumes.paths(JOB));
    assertThat(paths.root()).isEqualTo(state.resolve("jobs/ai1"));
    assertThat(mode(state.resolve("jobs"))).isEqualTo("rwx------");
    assertThat(mode(paths.root())).isEqualTo("rwx------");
    assertThat(mode(paths.checkpoint())).isEqualTo("rwxrwxrwx");
    assertThat(mode(paths.model())).isEqualTo("rwxrwxrwx");
    assertThat(mode(paths.logs())).isEqualTo("rwx------");
    assertThat(paths.checkpoint()).isEmptyDirectory();
    assertThat(paths.model()).isEmptyDirectory();
  }

  @Test
  void findsWhatItMadeAlsoAfterARestart() throws Exception {
    Files.writeString(prepare(JOB).checkpoint().resolve("epoch"), "1");
    volumes = reopen();

    assertThat(prepare(JOB).checkpoint().resolve("epoch")).hasContent("1");
  }

  @Test
  void holdsAsMuchAsItsLimit() throws Exception {
    JobPaths paths = prepare(JOB);
    write(paths.model().resolve("f"), LIMIT - MB / 2);

    assertThat(volumes.overrun(JOB, LIMIT, LIMIT + MB)).isEmpty();
  }

  @Test
  void seesWhichVolumeIsOverItsLimit() throws Exception {
    JobPaths paths = prepare(JOB);
    assertThat(volumes.overrun(JOB, LIMIT, LIMIT)).isEmpty();

    write(paths.model().resolve("f"), LIMIT + MB);

    Optional<JobVolumes.Overrun> overrun = volumes.overrun(JOB, LIMIT, LIMIT);
    assertThat(overrun)
        .get()
        .isInstanceOfSatisfying(
            JobVolumes.Overrun.Bytes.class,
            over -> {
              assertThat(over.volume()).isEqualTo(Volume.MODEL);
              assertThat(over.usedBytes()).isBetween(LIMIT, LIMIT + 3 * MB);
              assertThat(over.limitBytes()).isEqualTo(LIMIT);
            });
  }

  @Test
  void countsBlocksOfEachFileOnce() throws Exception {
    Path checkpoint = prepare(JOB).checkpoint();
    try (RandomAccessFile sparse =
        new RandomAccessFile(checkpoint.resolve("sparse").toFile(), "rw")) {
      sparse.setLength(100 * LIMIT);
    }
    write(checkpoint.resolve("f"), 5 * MB);
    Files.createLink(checkpoint.resolve("again"), checkpoint.resolve("f"));
    Files.createSymbolicLink(checkpoint.resolve("link"), Path.of("/usr"));

    assertThat(volumes.overrun(JOB, LIMIT, LIMIT)).isEmpty();
  }

  @Test
  void countsTheVolumesOfItsImageAsCheckpoints() throws Exception {
    JobPaths paths = prepare(JOB);
    Path volume = paths.imageVolumes().resolve("3");
    assertThat(mode(volume)).isEqualTo("rwxrwxrwx");
    write(volume.resolve("f"), LIMIT / 2);
    assertThat(volumes.overrun(JOB, LIMIT, LIMIT)).isEmpty();

    write(paths.checkpoint().resolve("f"), LIMIT * 3 / 4);

    assertThat(volumes.overrun(JOB, LIMIT, LIMIT))
        .get()
        .extracting(JobVolumes.Overrun::volume)
        .isEqualTo(Volume.CHECKPOINT);
    prepare(JOB);
    assertThat(volume).as("another run").isEmptyDirectory();
    assertThat(paths.checkpoint().resolve("f")).exists();
  }

  @Test
  void knowsNoOverrunOfAJobThatIsGone() {
    assertThat(volumes.overrun(JOB, LIMIT, LIMIT)).isEmpty();
  }

  @Test
  void refusesWhatTheDiskCannotHoldAndLeavesNothing() {
    for (long[] limits :
        new long[][] {
          {volumes.totalBytes() * 2, MB},
          {MB, volumes.totalBytes() * 2},
          {Long.MAX_VALUE, Long.MAX_VALUE},
          {volumes.freeBytes() / 2 + 64 * MB, volumes.freeBytes() / 2 + 64 * MB}
        }) {
      assertThatThrownBy(() -> volumes.prepare(JOB, limits[0], limits[1]))
          .hasMessageContaining("MB free above")
          .asInstanceOf(type(StorageException.class))
          .extracting(StorageException::kind)
          .isEqualTo(Kind.FULL);
      assertThat(state.resolve("jobs/ai1")).doesNotExist();
    }
  }

  @Test
  void keepsTheReserveFree() throws Exception {
    JobVolumes greedy =
        Volumes.open(
            new VolumeSettings(state, enforcement(), Files.getFileStore(state).getTotalSpace()));

    assertThat(greedy.freeBytes()).isZero();
    assertThatThrownBy(() -> greedy.prepare(JOB, MB, MB)).isInstanceOf(StorageException.class);
  }

  @Test
  void seedsOneJobFromAnother() throws Exception {
    Path from = prepare(JOB).checkpoint();
    Path to = prepare(OTHER).checkpoint();
    Files.createDirectories(from.resolve("a/b"));
    Files.writeString(from.resolve("a/b/epoch"), "7");
    Files.setPosixFilePermissions(
        from.resolve("a/b/epoch"), PosixFilePermissions.fromString("rwxr-x---"));
    Files.createSymbolicLink(from.resolve("latest"), Path.of("a/b/epoch"));
    Files.createSymbolicLink(from.resolve("shadow"), Path.of("/etc/shadow"));
    HostileTree.shell(from, "mkfifo pipe; printf x > \"$(printf 'bad\\377utf')\"; chmod 555 a");
    Files.writeString(to.resolve("left-by-a-crash"), "half");

    volumes.seedCheckpoint(OTHER, LIMIT, JOB, Cancellation.NEVER);
    volumes.seedCheckpoint(OTHER, LIMIT, JOB, Cancellation.NEVER);

    assertThat(to.resolve("a/b/epoch")).hasContent("7");
    assertThat(mode(to.resolve("a/b/epoch"))).isEqualTo("rwxr-x---");
    assertThat(mode(to.resolve("a"))).isEqualTo("r-xr-xr-x");
    assertThat(Files.readSymbolicLink(to.resolve("latest"))).hasToString("a/b/epoch");
    assertThat(Files.readSymbolicLink(to.resolve("shadow"))).hasToString("/etc/shadow");
    assertThat(mode(to)).isEqualTo("rwxrwxrwx");
    try (Stream<Path> copied = Files.list(to)) {
      assertThat(copied).hasSize(4);
    }
  }

  private void assertDoesNotSeed(String... words) throws IOException {
    assertThatThrownBy(() -> volumes.seedCheckpoint(OTHER, LIMIT, JOB, Cancellation.NEVER))
        .hasMessageContainingAll("ai1", "ai2")
        .hasMessageContainingAll(words)
        .asInstanceOf(type(StorageException.class))
        .extracting(StorageException::kind)
        .isEqualTo(Kind.UNFIT);
    assertThat(volumes.overrun(OTHER, LIMIT, LIMIT)).isEmpty();
  }

  @Test
  void seedsNoMoreThanTheVolumeHolds() throws Exception {
    Path from = volumes.prepare(JOB, 3 * LIMIT, MB).checkpoint();
    prepare(OTHER);
    write(from.resolve("a"), LIMIT / 2);
    write(from.resolve("b"), LIMIT);

    assertDoesNotSeed("do not fit its ckptVol");
  }

  @Test
  void seedsNoSparseFileLongerThanTheVolume() throws Exception {
    Path from = prepare(JOB).checkpoint();
    prepare(OTHER);
    try (RandomAccessFile sparse = new RandomAccessFile(from.resolve("sparse").toFile(), "rw")) {
      sparse.setLength(1L << 40);
    }

    assertDoesNotSeed("do not fit its ckptVol");
  }

  @Test
  void seedsNoTreeThatIsTooDeep() throws Exception {
    Path from = prepare(JOB).checkpoint();
    prepare(OTHER);
    HostileTree.shell(from, "i=0; while [ $i -lt 250 ]; do mkdir d; cd d; i=$((i+1)); done");

    assertDoesNotSeed("deeper than 200 levels");
  }

  @Test
  void revealsWhatAJobLeft() throws Exception {
    Files.writeString(prepare(JOB).model().resolve("weights"), "1");
    volumes = reopen();

    assertThat(volumes.reveal(JOB)).isEqualTo(volumes.paths(JOB));
    assertThat(volumes.reveal(JOB).model().resolve("weights")).hasContent("1");
  }

  @Test
  void syncsWhatAJobLeft() throws Exception {
    Files.writeString(prepare(JOB).model().resolve("weights"), "1");
    volumes = reopen();

    volumes.sync(JOB);
    volumes.sync(JOB);

    assertThat(volumes.paths(JOB).model().resolve("weights")).hasContent("1");
  }

  @Test
  void revealsAndSyncsNothingOfAJobThatHasNoDirectories() {
    prepare(JOB);
    volumes.delete(JOB);

    for (JobFolder folder : new JobFolder[] {JOB, OTHER}) {
      assertThatThrownBy(() -> volumes.sync(folder))
          .asInstanceOf(type(StorageException.class))
          .extracting(StorageException::kind)
          .isEqualTo(Kind.REFUSED);
      assertThatThrownBy(() -> volumes.reveal(folder))
          .hasMessageContainingAll(folder.name(), "not on this machine")
          .asInstanceOf(type(StorageException.class))
          .extracting(StorageException::kind)
          .isEqualTo(Kind.REFUSED);
      assertThat(state.resolve("jobs").resolve(folder.name())).doesNotExist();
    }
  }

  @Test
  void removesAWideTreeOfDirectories() throws Exception {
    Path model = prepare(JOB).model();
    for (int parent = 0; parent < 50; parent++) {
      for (int child = 0; child < 40; child++) {
        Files.createDirectories(model.resolve("d" + parent + "/e" + child + "/f"));
      }
    }

    TreeRemoval.empty(model);

    assertThat(model).isEmptyDirectory();
  }

  @Test
  void saysWhenThereIsNothingToSeedFrom() {
    prepare(JOB);

    assertThatThrownBy(() -> volumes.seedCheckpoint(JOB, LIMIT, OTHER, Cancellation.NEVER))
        .hasMessageContainingAll("ai2", "none on this machine");
  }

  @Test
  void stopsSeedingWhenCancelled() throws Exception {
    write(prepare(JOB).checkpoint().resolve("f"), MB);
    prepare(OTHER);

    assertThatThrownBy(() -> volumes.seedCheckpoint(OTHER, LIMIT, JOB, () -> true))
        .asInstanceOf(type(StorageException.class))
        .extracting(StorageException::kind)
        .isEqualTo(Kind.CANCELLED);
  }

  @Test
  void removesWhateverAJobWrote() throws Exception {
    Path precious = Files.createDirectory(state.resolve("precious"));
    Files.writeString(precious.resolve("f"), "keep");
    JobPaths paths = prepare(JOB);
    Files.createSymbolicLink(paths.model().resolve("link"), precious);
    HostileTree.shell(
        paths.model(),
        "mkdir -p ro/in; touch ro/in/f; chmod 555 ro ro/in; mkfifo pipe; mkdir .removing-1;"
            + " touch \"$(printf 'bad\\377utf')\"; mkdir 'new\nline'");
    // The tree is deeper than any path can be long.
    HostileTree.shell(
        paths.checkpoint(),
        "i=0; while [ $i -lt 900 ]; do mkdir dddddd; cd -P dddddd; i=$((i+1)); done");

    volumes.delete(JOB);
    volumes.delete(JOB);

    assertThat(Files.exists(paths.root(), LinkOption.NOFOLLOW_LINKS)).isFalse();
    assertThat(precious.resolve("f")).hasContent("keep");
  }
}
