package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.FilterInputStream;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import jdk.jfr.Event;
import jdk.jfr.Name;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Checks that what the local store has put is on disk: which files and directories it syncs, and in
 * which order, as the JVM's flight recorder saw it.
 */
class LocalArtifactStoreSyncTest {
  private static final JobFolder FOLDER = new JobFolder("ai1");
  private static final ObjectKey KEY = new ObjectKey(FOLDER, "model");
  private static final String SYNC = "jdk.FileForce";
  private static final String READ = "test.ContentRead";

  @TempDir Path directory;

  @SuppressWarnings("NullAway.Init") // made before each test
  private Path root;

  @SuppressWarnings("NullAway.Init") // made before each test
  private LocalArtifactStore store;

  @BeforeEach
  void make() {
    root = directory.resolve("artifacts");
    store = new LocalArtifactStore(root, URI.create("http://localhost"), new byte[32], 0);
  }

  /** Recorded when the store has written the content, and has not renamed the file yet. */
  @Name(READ)
  static final class ContentRead extends Event {}

  /** Content that records its end, and checks that the object cannot be seen until then. */
  private final class Noted implements ArtifactContent {
    private final byte[] bytes = {1, 2, 3};

    @Override
    public long lengthBytes() {
      return bytes.length;
    }

    @Override
    public String mediaType() {
      return "application/octet-stream";
    }

    @Override
    public InputStream open(long offset) {
      return new FilterInputStream(new ByteArrayInputStream(bytes)) {
        @Override
        public void close() {
          assertThat(root.resolve("ai1/model")).doesNotExist();
          new ContentRead().commit();
        }
      };
    }
  }

  /** The path of a sync, or the end of the content. */
  private record Step(String what) {}

  private List<Step> recorded(Runnable work) throws Exception {
    Path file = directory.resolve("recording.jfr");
    try (Recording recording = new Recording()) {
      recording.enable(SYNC).withThreshold(Duration.ZERO).withoutStackTrace();
      recording.enable(READ).withoutStackTrace();
      recording.start();
      work.run();
      recording.stop();
      recording.dump(file);
    }
    List<Step> steps =
        RecordingFile.readAllEvents(file).stream()
            .sorted(Comparator.comparing(RecordedEvent::getEndTime))
            .map(LocalArtifactStoreSyncTest::step)
            .toList();
    Files.delete(file);
    return steps;
  }

  private static Step step(RecordedEvent event) {
    return new Step(
        event.getEventType().getName().equals(SYNC) ? event.getString("path") : "renamed next");
  }

  @Test
  void anObjectIsOnDiskBeforeItHasItsNameAndItsNameBeforeThePutReturns() throws Exception {
    store.probe();
    List<String> steps =
        recorded(() -> store.put(KEY, new Noted(), Cancellation.NEVER)).stream()
            .map(Step::what)
            .toList();

    int renamed = steps.indexOf("renamed next");
    assertThat(steps.subList(0, renamed))
        .anyMatch(path -> path.startsWith(root.resolve(".incoming") + "/ai1."));
    assertThat(steps.subList(renamed, steps.size()))
        .endsWith(root.resolve("ai1").toString())
        .contains(root.toString()); // because the folder is new in it
  }

  @Test
  void theNameOfAnotherObjectInTheSameFolderIsOnDiskToo() throws Exception {
    store.put(
        new ObjectKey(FOLDER, "first"), new BytesContent(new byte[1], "x/y"), Cancellation.NEVER);
    List<Step> steps = recorded(() -> store.put(KEY, new Noted(), Cancellation.NEVER));

    // The first sync is where the directory is found, the second after the rename.
    assertThat(steps.subList(steps.indexOf(new Step("renamed next")), steps.size()))
        .filteredOn(step -> step.what().equals(root.resolve("ai1").toString()))
        .hasSize(2);
  }

  @Test
  void theManifestIsGoneFromTheDiskBeforeTheObjectsItListsAre() throws Exception {
    store.put(KEY, new Noted(), Cancellation.NEVER);
    store.put(
        new ObjectKey(FOLDER, Manifest.FILE),
        new BytesContent(new byte[1], "application/json"),
        Cancellation.NEVER);
    List<Step> steps = recorded(() -> store.deleteAll(FOLDER));

    assertThat(steps)
        .startsWith(new Step(root.resolve("ai1").toString()))
        .endsWith(new Step(root.toString()));
  }
}
