package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;
import io.gpurunner.storage.TreeMeasure.HiddenTreeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directories of jobs at {@code <jobs>/<folder>/{checkpoint,model,logs}}. A {@link VolumeLimit}
 * keeps the first two within their sizes. Thread-safe for calls about different jobs. One job may
 * be measured while another call changes it.
 */
final class DirectoryJobVolumes implements JobVolumes {
  /**
   * The limit of a sync. It is long enough for a machine whose whole memory has to be written to a
   * slow disk.
   */
  private static final Duration SYNC_LIMIT = Duration.ofMinutes(30);

  private static final int SHOWING_LOCKS = 64;

  private static final Logger log = LoggerFactory.getLogger(DirectoryJobVolumes.class);

  private final Path jobs;
  private final long reserveBytes;
  private final VolumeLimit limit;
  private final Function<List<String>, Command.Result> syncing;

  private final Optional<String> whyWatched;
  private final ImageVolumes imageVolumes = new ImageVolumes();

  private final Lock oneSync = new ReentrantLock();

  /** One of these is held while the volumes of a job are shown or put to rest. */
  private final List<Lock> showing =
      Stream.generate(() -> (Lock) new ReentrantLock()).limit(SHOWING_LOCKS).toList();

  /** The folders of which some data may not be on disk, even if a sync of them succeeds. */
  private final Set<String> unsynced = ConcurrentHashMap.newKeySet();

  /**
   * @param jobs an existing directory that only the agent's user can enter
   */
  DirectoryJobVolumes(Path jobs, long reserveBytes, VolumeLimit limit) {
    this(jobs, reserveBytes, limit, Optional.empty());
  }

  /**
   * @param jobs an existing directory that only the agent's user can enter
   * @param whyWatched why volumes are only watched; empty if they are not
   */
  DirectoryJobVolumes(
      Path jobs, long reserveBytes, VolumeLimit limit, Optional<String> whyWatched) {
    this(jobs, reserveBytes, limit, whyWatched, words -> Command.run(SYNC_LIMIT, words));
  }

  /**
   * @param syncing runs the program that syncs
   */
  DirectoryJobVolumes(
      Path jobs,
      long reserveBytes,
      VolumeLimit limit,
      Function<List<String>, Command.Result> syncing) {
    this(jobs, reserveBytes, limit, Optional.empty(), syncing);
  }

  private DirectoryJobVolumes(
      Path jobs,
      long reserveBytes,
      VolumeLimit limit,
      Optional<String> whyWatched,
      Function<List<String>, Command.Result> syncing) {
    this.whyWatched = whyWatched;
    this.jobs = jobs;
    this.reserveBytes = reserveBytes;
    this.limit = limit;
    this.syncing = syncing;
  }

  @Override
  public JobPaths prepare(JobFolder folder, long checkpointLimitBytes, long modelLimitBytes) {
    JobPaths paths = paths(folder);
    boolean isNew = !Files.isDirectory(paths.root(), LinkOption.NOFOLLOW_LINKS);
    if (isNew) {
      requireSpace(folder, checkpointLimitBytes, modelLimitBytes);
    }
    boolean done = false;
    Lock shown = showing(folder);
    shown.lock();
    try {
      DurableFiles.directory(paths.root(), DurableFiles.OWNER_ONLY);
      DurableFiles.directory(paths.logs(), DurableFiles.OWNER_ONLY);
      limit.prepare(paths.root(), Volume.CHECKPOINT, checkpointLimitBytes);
      limit.prepare(paths.root(), Volume.MODEL, modelLimitBytes);
      imageVolumes.prepare(paths);
      done = true;
    } catch (IOException failure) {
      throw DiskErrors.explain("cannot create the directories of " + folder.name(), failure);
    } finally {
      shown.unlock();
      if (!done && isNew) {
        delete(folder);
      }
    }
    return paths;
  }

  private void requireSpace(JobFolder folder, long checkpointLimitBytes, long modelLimitBytes) {
    long free = freeBytes();
    // The two are not added, because the sum may be too large a number.
    if (checkpointLimitBytes > free || modelLimitBytes > free - checkpointLimitBytes) {
      throw new StorageException(
          Kind.FULL,
          "%s needs %d MB for its checkpoints and %d MB for its model, but the disk of jobs' directories has only %d MB free above the %d MB kept for the agent; free some space on it or ask for smaller volumes"
              .formatted(
                  folder.name(),
                  megabytes(checkpointLimitBytes),
                  megabytes(modelLimitBytes),
                  megabytes(free),
                  megabytes(reserveBytes)));
    }
  }

  private static long megabytes(long bytes) {
    return bytes / 1_000_000;
  }

  @Override
  public void seedCheckpoint(
      JobFolder to, long checkpointLimitBytes, JobFolder from, Cancellation cancellation) {
    JobPaths source = paths(from);
    JobPaths target = paths(to);
    String what = "cannot copy the checkpoints of %s for %s".formatted(from.name(), to.name());
    if (!Files.isDirectory(source.checkpoint(), LinkOption.NOFOLLOW_LINKS)) {
      throw new StorageException(
          Kind.REFUSED,
          "%s: %s has none on this machine, or not any more".formatted(what, from.name()));
    }
    try {
      show(from, Volume.CHECKPOINT);
      show(to, Volume.CHECKPOINT);
      TreeCopy.replace(
          source.checkpoint(), target.checkpoint(), checkpointLimitBytes, cancellation);
    } catch (CancelledException cancelled) {
      throw new StorageException(Kind.CANCELLED, what + ": cancelled", cancelled);
    } catch (IOException failure) {
      StorageException explained = DiskErrors.explain(what, failure);
      if (explained.kind() == Kind.FULL && freeBytes() > 0) {
        throw new StorageException(
            Kind.UNFIT, what + ": they do not fit its ckptVol; ask for a larger one", failure);
      }
      throw explained;
    }
  }

  @Override
  public JobPaths reveal(JobFolder folder) {
    JobPaths paths = paths(folder);
    for (Volume volume : Volume.values()) {
      Path directory = VolumeLimit.directory(paths.root(), volume);
      if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
        throw new StorageException(
            Kind.REFUSED,
            "the %s directory of %s is not on this machine any more"
                .formatted(directory.getFileName(), folder.name()));
      }
      try {
        show(folder, volume);
      } catch (IOException failure) {
        throw DiskErrors.explain("cannot read the volumes of " + folder.name(), failure);
      }
    }
    return paths;
  }

  private void show(JobFolder folder, Volume volume) throws IOException {
    Lock shown = showing(folder);
    shown.lock();
    try {
      limit.reveal(paths(folder).root(), volume);
    } finally {
      shown.unlock();
    }
  }

  private Lock showing(JobFolder folder) {
    return showing.get(Math.floorMod(folder.name().hashCode(), SHOWING_LOCKS));
  }

  @Override
  public void rest(Predicate<JobFolder> isNeeded) {
    Set<Path> shown;
    try {
      shown = limit.shown(jobs);
    } catch (IOException failure) {
      throw DiskErrors.explain("cannot list the mounts below " + jobs, failure);
    }
    for (Path root : shown) {
      JobFolder folder = new JobFolder(root.getFileName().toString());
      Lock lock = showing(folder);
      lock.lock();
      try {
        // It is asked under the lock: who needs the files is recorded before they are shown.
        if (!isNeeded.test(folder)) {
          for (Volume volume : Volume.values()) {
            limit.release(root, volume);
          }
        }
      } catch (IOException | StorageException inUse) {
        log.info("{} is unmounted later: {}", folder.name(), inUse.getMessage());
      } finally {
        lock.unlock();
      }
    }
  }

  @Override
  public Optional<String> whyWatched() {
    return whyWatched;
  }

  /**
   * Syncs the files of a job. A disk reports a failed write only once, to the sync that follows it.
   * The data is lost, and the syncs after that one succeed. So a failure counts, as long as this
   * process lives, for all jobs that had a directory on that file system when it was reported. Only
   * one sync runs at a time, because a second one that began after the report would succeed.
   */
  @Override
  public void sync(JobFolder folder) {
    JobPaths paths = reveal(folder);
    oneSync.lock();
    try {
      sync(folder, paths);
    } finally {
      oneSync.unlock();
    }
  }

  private void sync(JobFolder folder, JobPaths paths) {
    if (unsynced.contains(folder.name())) {
      throw new StorageException(
          Kind.UNFIT,
          "the file system of %s could not be synced before; some of its files may not be on disk"
              .formatted(folder.name()));
    }
    Command.Result result;
    try {
      // The whole file system is synced. The tree belongs to a job, and to open each of its files
      // would be slower, too.
      result =
          syncing.apply(
              List.of(
                  "sync",
                  "--file-system",
                  paths.checkpoint().toString(),
                  paths.model().toString()));
    } catch (StorageException e) {
      boolean begun = e.kind() != Kind.REFUSED;
      String reason = String.valueOf(e.getMessage());
      throw begun ? lost(folder, paths, reason) : untold(folder, reason);
    }
    if (result.wasKilled()) {
      throw untold(folder, "sync was killed");
    }
    if (!result.succeeded()) {
      throw lost(folder, paths, result.words());
    }
  }

  /** Returns the exception for a sync that did not happen, so that no failed write was reported. */
  private static StorageException untold(JobFolder folder, String reason) {
    return new StorageException(
        Kind.UNAVAILABLE, "the files of %s were not synced: %s".formatted(folder.name(), reason));
  }

  private StorageException lost(JobFolder folder, JobPaths paths, String reason) {
    unsynced.addAll(foldersBeside(paths.root()));
    return new StorageException(
        Kind.UNFIT, "the files of %s could not be synced: %s".formatted(folder.name(), reason));
  }

  /** Returns the folders that share a file system with this one, or may share one. */
  private List<String> foldersBeside(Path root) {
    Set<Object> devices = devices(root);
    String[] names = jobs.toFile().list();
    return Stream.of(names == null ? new String[0] : names)
        .filter(
            name -> {
              Set<Object> others = devices(jobs.resolve(name));
              return others.isEmpty() || !Collections.disjoint(devices, others);
            })
        .toList();
  }

  /**
   * Returns the devices of the file systems that hold a job's volumes. It is empty if one of them
   * cannot be read.
   */
  private static Set<Object> devices(Path root) {
    Set<Object> devices = new HashSet<>();
    for (Volume volume : Volume.values()) {
      try {
        devices.add(
            Files.getAttribute(
                VolumeLimit.directory(root, volume), "unix:dev", LinkOption.NOFOLLOW_LINKS));
      } catch (IOException cannotBeRead) {
        return Set.of();
      }
    }
    return devices;
  }

  @Override
  public JobPaths paths(JobFolder folder) {
    return pathsBelow(jobs.resolve(folder.name()));
  }

  private static JobPaths pathsBelow(Path root) {
    return new JobPaths(
        root,
        VolumeLimit.directory(root, Volume.CHECKPOINT),
        VolumeLimit.directory(root, Volume.MODEL),
        root.resolve("logs"));
  }

  @Override
  public Optional<Overrun> overrun(
      JobFolder folder, long checkpointLimitBytes, long modelLimitBytes) {
    Path root = paths(folder).root();
    try {
      for (Volume volume : Volume.values()) {
        long limitBytes =
            switch (volume) {
              case CHECKPOINT -> checkpointLimitBytes;
              case MODEL -> modelLimitBytes;
            };
        Optional<Overrun> overrun = overrun(root, volume, limitBytes);
        if (overrun.isPresent()) {
          return overrun;
        }
      }
      return Optional.empty();
    } catch (NoSuchFileException vanished) {
      return Optional.empty(); // it was deleted while it was measured
    } catch (IOException failure) {
      throw DiskErrors.explain("cannot measure the volumes of " + folder.name(), failure);
    }
  }

  private Optional<Overrun> overrun(Path root, Volume volume, long limitBytes) throws IOException {
    long limitFiles = VolumeLimit.maxFiles(limitBytes);
    try {
      VolumeLimit.Usage usage = limit.measure(root, volume, limitFiles);
      if (volume == Volume.CHECKPOINT) {
        usage = usage.plus(imageVolumes.measure(pathsBelow(root), limitFiles));
      }
      return overrun(volume, usage, limitBytes, limitFiles);
    } catch (HiddenTreeException hidden) {
      VolumeLimit.Usage seen =
          new VolumeLimit.Usage(hidden.seen().bytes(), Optional.of(hidden.seen().files()));
      return overrun(volume, seen, limitBytes, limitFiles)
          .or(() -> Optional.of(new Overrun.Hidden(volume, String.valueOf(hidden.getMessage()))));
    }
  }

  private static Optional<Overrun> overrun(
      Volume volume, VolumeLimit.Usage usage, long limitBytes, long limitFiles) {
    if (usage.bytes() > limitBytes) {
      return Optional.of(new Overrun.Bytes(volume, usage.bytes(), limitBytes));
    }
    return usage
        .files()
        .filter(files -> files > limitFiles)
        .map(files -> new Overrun.Files(volume, files, limitFiles));
  }

  @Override
  public Duration lookInterval() {
    return limit.lookInterval();
  }

  @Override
  public Path location() {
    return jobs;
  }

  @Override
  public long freeBytes() {
    try {
      return Math.max(0, Files.getFileStore(jobs).getUsableSpace() - reserveBytes);
    } catch (IOException failure) {
      throw DiskErrors.explain("cannot find out the free space of", jobs, failure);
    }
  }

  @Override
  public long totalBytes() {
    // This is called for every submitted job, and Files.getFileStore would read the table of
    // mounts.
    long bytes = jobs.toFile().getTotalSpace();
    if (bytes == 0) {
      throw DiskErrors.explain(
          "cannot find out the size of " + jobs,
          new IOException("the file system does not report it"));
    }
    return Math.max(0, bytes - reserveBytes);
  }

  @Override
  public void delete(JobFolder folder) {
    Path root = paths(folder).root();
    Lock shown = showing(folder);
    shown.lock();
    try {
      if (Files.isDirectory(root, LinkOption.NOFOLLOW_LINKS)) {
        for (Volume volume : Volume.values()) {
          limit.release(root, volume);
        }
      }
    } catch (IOException failure) {
      throw DiskErrors.explain("cannot unmount the volumes of " + folder.name(), failure);
    } finally {
      shown.unlock();
    }
    try {
      TreeRemoval.remove(root);
      DurableFiles.sync(jobs);
      unsynced.remove(folder.name());
    } catch (IOException failure) {
      throw DiskErrors.explain("cannot remove the directories of " + folder.name(), failure);
    }
  }

  @Override
  public void close() {
    // Mounts and quotas stay, because the containers that use them stay.
  }
}
