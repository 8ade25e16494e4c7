package io.gpurunner.storage;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * The directories of the machine's jobs, and their size limits. Blocking; thread-safe; every method
 * may be called again after a crash.
 */
public interface JobVolumes extends AutoCloseable {
  /**
   * Creates the job's empty directories, or finds those it has.
   *
   * @param checkpointLimitBytes size limit of the checkpoint volume
   * @param modelLimitBytes size limit of the model volume
   * @throws StorageException FULL if the disk cannot hold them, and then none is left; REFUSED if
   *     their content is in an image that is not mounted
   */
  JobPaths prepare(JobFolder folder, long checkpointLimitBytes, long modelLimitBytes);

  /**
   * Copies the checkpoint directory of {@code from} into that of {@code to}, which {@link #prepare}
   * created. Repeatable. Links are copied as links, never followed.
   *
   * @param checkpointLimitBytes size limit of the volume copied into
   * @throws StorageException UNFIT if the checkpoints are larger than that; REFUSED if there are
   *     none, or they are in an image that is not mounted
   */
  void seedCheckpoint(
      JobFolder to, long checkpointLimitBytes, JobFolder from, Cancellation cancellation);

  /**
   * Makes the content of a job's volumes readable, also after a reboot of the machine.
   *
   * @throws StorageException REFUSED if the job has no directories on this machine any more, or
   *     their content is in an image that is not mounted
   */
  JobPaths reveal(JobFolder folder);

  /**
   * Gives back what the volumes of jobs take of the machine beside the disk, as mounts, and keeps
   * their files. {@link #reveal} shows them again.
   *
   * @param isNeeded returns whether the volumes of this job are needed now. Before a caller
   *     prepares, reveals or copies volumes, this must return true for them
   */
  void rest(Predicate<JobFolder> isNeeded);

  /** Returns why volumes are only watched. It is empty if a write beyond the limit fails. */
  Optional<String> whyWatched();

  /**
   * Syncs everything in a job's volumes. Called when nothing writes to them any more.
   *
   * @throws StorageException UNFIT if some of it could not be written and is lost, or may be;
   *     UNAVAILABLE if the sync did not happen; REFUSED if the job has no directories on this
   *     machine any more
   */
  void sync(JobFolder folder);

  /** Returns the directories of a prepared job. The paths are computed, not looked up. */
  JobPaths paths(JobFolder folder);

  /**
   * Returns which volume is over its limit now, and by how much. It is empty while both are within.
   * Counts blocks on disk, and files if the file system itself does not limit them. Follows no
   * link.
   *
   * @throws StorageException if the machine, and not the job, keeps them from being measured
   */
  Optional<Overrun> overrun(JobFolder folder, long checkpointLimitBytes, long modelLimitBytes);

  /**
   * Returns the time between two calls of {@link #overrun}: a few seconds if only these calls
   * enforce the limit.
   */
  Duration lookInterval();

  /** Returns the directory that holds all jobs' directories, for messages. */
  Path location();

  /**
   * Returns the bytes that are free for new jobs' volumes on their file system, without the reserve
   * for the agent itself.
   */
  long freeBytes();

  /** Returns the size of that file system in bytes, without the reserve for the agent itself. */
  long totalBytes();

  /** Removes all directories of a job. If there are none, nothing happens. Follows no link. */
  void delete(JobFolder folder);

  @Override
  void close();

  /** A volume that is over its limit. */
  sealed interface Overrun {
    Volume volume();

    /** It takes more bytes on disk than was asked for. */
    record Bytes(Volume volume, long usedBytes, long limitBytes) implements Overrun {}

    /** It has more files, directories and links than a volume of its size may have. */
    record Files(Volume volume, long usedFiles, long limitFiles) implements Overrun {}

    /**
     * It may be over its limit, and nobody knows, because the job keeps it from being measured.
     *
     * @param why what the job did, as the end of a sentence that begins with the volume
     */
    record Hidden(Volume volume, String why) implements Overrun {}
  }
}
