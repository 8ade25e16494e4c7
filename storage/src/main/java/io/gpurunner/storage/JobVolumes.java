package io.gpurunner.storage;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * The directories of the machine's jobs, and their size limits. Blocking; thread-safe; every method
 * may be called again after a crash in the middle of it.
 */
public interface JobVolumes extends AutoCloseable {
  /**
   * Makes the job's directories (empty ones), or finds those it has.
   *
   * @param checkpointLimitBytes size limit of the checkpoint volume
   * @param modelLimitBytes size limit of the model volume
   * @throws StorageException FULL where the disk cannot hold them; nothing half-made is left;
   *     REFUSED where what they hold is in an image that is not mounted
   */
  JobPaths prepare(JobFolder folder, long checkpointLimitBytes, long modelLimitBytes);

  /**
   * Copies the checkpoint directory of {@code from} into {@code to}'s, which {@link #prepare} made.
   * Repeatable. Links are copied as links, never followed.
   *
   * @param checkpointLimitBytes size limit of the volume copied into
   * @throws StorageException UNFIT where they are more than it holds; REFUSED where there are none,
   *     or they are in an image that is not mounted
   */
  void seedCheckpoint(
      JobFolder to, long checkpointLimitBytes, JobFolder from, Cancellation cancellation);

  /**
   * Sees to it that what a job's volumes hold can be read, also after the machine was started anew.
   *
   * @throws StorageException REFUSED where the job has no directories on this machine (any more),
   *     or what they hold is in an image that is not mounted
   */
  JobPaths reveal(JobFolder folder);

  /**
   * Writes what a job's volumes hold to disk, all of it; for when nothing writes to them any more.
   *
   * @throws StorageException UNFIT where some of it could not be written, or may not have been, and
   *     is lost; UNAVAILABLE where the disk could not be asked; REFUSED where the job has no
   *     directories on this machine (any more)
   */
  void sync(JobFolder folder);

  /** The directories of a job that was prepared; the paths are computed, not looked up. */
  JobPaths paths(JobFolder folder);

  /**
   * Which volume is over its limit now, and by how much; empty while both are within. Counts blocks
   * on disk, and files where the file system itself does not bound them; follows no link.
   */
  Optional<Overrun> overrun(JobFolder folder, long checkpointLimitBytes, long modelLimitBytes);

  /** How often {@link #overrun} should be asked: seconds where only looking enforces the limit. */
  Duration lookInterval();

  /** The directory that all jobs' directories are in; for messages. */
  Path location();

  /**
   * Bytes free for new jobs' volumes on the file system that holds them, after the reserve kept for
   * the agent itself.
   */
  long freeBytes();

  /** Size of that file system without what is kept for the agent itself, in bytes. */
  long totalBytes();

  /** Removes all directories of a job. None there is no error. Follows no link. */
  void delete(JobFolder folder);

  @Override
  void close();

  /** A volume over its limit. */
  sealed interface Overrun {
    Volume volume();

    /** It takes more of the disk than was asked for. */
    record Bytes(Volume volume, long usedBytes, long limitBytes) implements Overrun {}

    /** It has more files, directories and links than a volume of its size may have. */
    record Files(Volume volume, long usedFiles, long limitFiles) implements Overrun {}
  }
}
