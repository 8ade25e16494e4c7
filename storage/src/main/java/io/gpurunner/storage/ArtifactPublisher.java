package io.gpurunner.storage;

import io.gpurunner.storage.FileWork.Task;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts what a job left in its model directory into the artifact store: one regular file as it is,
 * several as {@code data.zip}, and {@code manifest.json} last. Called when the job's container is
 * gone, by {@link #AT_A_TIME} jobs at once. Thread-safe.
 *
 * <p>What the job wrote is not trusted: links are not followed, only regular files are read, and
 * names are made safe (see {@link ArtifactNames}).
 */
public final class ArtifactPublisher {
  private static final Logger log = LoggerFactory.getLogger(ArtifactPublisher.class);
  private static final String ARCHIVE = "data.zip";

  /**
   * Jobs may end all at once. More uploads would make none of them faster, and what is known of a
   * hostile job's files takes 100 MB of an agent that has 512.
   */
  public static final int AT_A_TIME = 3;

  private final ArtifactStore store;
  private final FileWork files;

  public ArtifactPublisher(ArtifactStore store, FileWork files) {
    this.store = store;
    this.files = files;
  }

  /**
   * Publishes a model directory, which may take hours. May be called again after a crash or a
   * failure: it then starts from the beginning, because what an earlier call left cannot be told
   * from what another directory left without reading all of it again.
   *
   * @param modelDirectory nothing writes to it any more
   * @param limitBytes the most that is published: sparse files and further names of a file, which
   *     take no room in the directory, take it in the store
   * @throws StorageException naming what was wrong, UNFIT where it is what the job left; without a
   *     manifest the folder is incomplete
   */
  public PublishedArtifacts publish(
      JobFolder folder, Path modelDirectory, long limitBytes, Cancellation cancellation) {
    return files.call(
        Task.PUBLISH, () -> publishNow(folder, modelDirectory, limitBytes, cancellation));
  }

  private PublishedArtifacts publishNow(
      JobFolder folder, Path modelDirectory, long limitBytes, Cancellation cancellation) {
    // The old manifest goes first, so that at no moment it stands for objects that are not its own;
    // and a store that is down is found out before all is read.
    store.withdraw(folder);
    ModelDirectory model = ModelDirectory.measure(modelDirectory, limitBytes, cancellation);
    if (model.skippedCount() > 0) {
      log.warn(
          "{}: {} entries of the model directory are no regular files and are not published: {}{}",
          folder.name(),
          model.skippedCount(),
          model.skippedNames(),
          model.skippedCount() > model.skipped().size() ? ", …" : "");
    }
    Optional<String> artifact = artifactName(model);
    // Before anything is sent: a list of files that is too long fails here.
    ArtifactContent manifest = Manifest.of(artifact, model);
    if (artifact.isPresent()) {
      ArtifactContent content =
          artifact.get().equals(ARCHIVE) && !isSingle(model)
              ? new ZipContent(model.files())
              : new FileContent(model.files().getFirst());
      store.put(new ObjectKey(folder, artifact.get()), content, cancellation);
    }
    store.put(new ObjectKey(folder, Manifest.FILE), manifest, cancellation);
    return new PublishedArtifacts(artifact, model.files().size(), model.totalBytes());
  }

  private static Optional<String> artifactName(ModelDirectory model) {
    if (model.files().isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(isSingle(model) ? ownName(model) : ARCHIVE);
  }

  /** One file goes as it is, unless no object can bear its name. */
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
