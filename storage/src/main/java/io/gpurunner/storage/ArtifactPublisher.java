package io.gpurunner.storage;

import io.gpurunner.storage.FileWork.Task;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/**
 * Uploads what a job left in its model directory to the artifact store: one regular file as it is,
 * several files as {@code data.zip}, and {@code manifest.json} last. It is called when the job's
 * container is gone, by {@link #AT_A_TIME} jobs at once. Thread-safe.
 *
 * <p>What the job wrote is not trusted: links are followed only inside the job's own directories
 * ({@link LinkTarget}), only regular files are read, and names are made safe ({@link
 * ArtifactNames}).
 */
public final class ArtifactPublisher {
  private static final String ARCHIVE = "data.zip";

  /**
   * The largest number of uploads at a time. All jobs may end at once. More uploads would make none
   * of them faster, and the list of a hostile job's files takes 100 MB of an agent that has 512.
   */
  public static final int AT_A_TIME = 3;

  private final ArtifactStore store;
  private final FileWork files;
  private final List<Consumer<PublishedArtifacts>> listeners = new CopyOnWriteArrayList<>();

  public ArtifactPublisher(ArtifactStore store, FileWork files) {
    this.store = store;
    this.files = files;
  }

  /** Calls the listener after each publication that is complete, on the caller's thread. */
  public void listen(Consumer<PublishedArtifacts> listener) {
    listeners.add(listener);
  }

  /**
   * Publishes a model directory, which may take hours. It may be called again after a crash or a
   * failure. It then starts from the beginning: it would have to read all objects to know whether
   * an earlier call left them.
   *
   * @param source nothing writes to its directories any more
   * @param limitBytes the most bytes that are published: sparse files and second names of a file
   *     take no room in the directory, but in the store they do
   * @throws StorageException naming what was wrong, UNFIT if the job's files are to blame; without
   *     a manifest the folder is incomplete
   */
  public PublishedArtifacts publish(
      JobFolder folder, ModelSource source, long limitBytes, Cancellation cancellation) {
    PublishedArtifacts published =
        files.call(Task.PUBLISH, () -> publishNow(folder, source, limitBytes, cancellation));
    listeners.forEach(listener -> listener.accept(published));
    return published;
  }

  private PublishedArtifacts publishNow(
      JobFolder folder, ModelSource source, long limitBytes, Cancellation cancellation) {
    // The old manifest is removed first, so that it never describes objects of another upload. It
    // also shows early whether the store is down, before all files are read.
    store.withdraw(folder);
    ModelDirectory model = ModelDirectory.measure(source, limitBytes, cancellation);
    Optional<String> artifact = artifactName(model);
    // This comes before anything is sent, because a list of files that is too long fails here.
    ArtifactContent manifest = Manifest.of(artifact, model);
    if (artifact.isPresent()) {
      ArtifactContent content =
          artifact.get().equals(ARCHIVE) && !isSingle(model)
              ? new ZipContent(model.entries())
              : new FileContent(model.files().getFirst());
      store.put(new ObjectKey(folder, artifact.get()), content, cancellation);
    }
    store.put(new ObjectKey(folder, Manifest.FILE), manifest, cancellation);
    return new PublishedArtifacts(
        artifact,
        model.files().size(),
        model.totalBytes(),
        PublishWarnings.of(source, model, cancellation));
  }

  private static Optional<String> artifactName(ModelDirectory model) {
    if (model.files().isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(isSingle(model) ? ownName(model) : ARCHIVE);
  }

  /** Returns whether one file is published as it is, under its own name. */
  private static boolean isSingle(ModelDirectory model) {
    if (model.files().size() != 1) {
      return false;
    }
    return ArtifactNames.isPlain(model.files().getFirst().relative().getFileName())
        && !ownName(model).equals(Manifest.FILE);
  }

  private static String ownName(ModelDirectory model) {
    return ArtifactNames.readable(model.files().getFirst().relative().getFileName());
  }
}
