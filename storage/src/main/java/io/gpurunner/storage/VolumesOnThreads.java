package io.gpurunner.storage;

import io.gpurunner.storage.FileWork.Task;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Predicate;

/** Volumes that do their file work on the threads of {@link FileWork} only. Thread-safe. */
final class VolumesOnThreads implements JobVolumes {
  /** How long the size of the disk is taken as last seen: every submitted job asks for it. */
  private static final Duration SIZE_AGE = Duration.ofSeconds(1);

  private final JobVolumes real;
  private final FileWork files;
  private final Lookups disk;
  private volatile Optional<Size> size = Optional.empty();

  /** The size of the disk, and when it was looked at, in {@link System#nanoTime}. */
  private record Size(long bytes, long atNanos) {
    boolean isRecent() {
      return System.nanoTime() - atNanos < SIZE_AGE.toNanos();
    }
  }

  VolumesOnThreads(JobVolumes real, FileWork files) {
    this.real = real;
    this.files = files;
    this.disk = new Lookups("disk", "the disk of jobs' directories");
  }

  @Override
  public JobPaths prepare(JobFolder folder, long checkpointLimitBytes, long modelLimitBytes) {
    return files.call(
        Task.PREPARE, () -> real.prepare(folder, checkpointLimitBytes, modelLimitBytes));
  }

  @Override
  public void seedCheckpoint(
      JobFolder to, long checkpointLimitBytes, JobFolder from, Cancellation cancellation) {
    files.run(Task.COPY, () -> real.seedCheckpoint(to, checkpointLimitBytes, from, cancellation));
  }

  @Override
  public JobPaths reveal(JobFolder folder) {
    return files.call(Task.PREPARE, () -> real.reveal(folder));
  }

  @Override
  public void rest(Predicate<JobFolder> isNeeded) {
    files.run(Task.REMOVE, () -> real.rest(isNeeded));
  }

  @Override
  public Optional<String> whyWatched() {
    return real.whyWatched();
  }

  @Override
  public void sync(JobFolder folder) {
    files.run(Task.SYNC, () -> real.sync(folder));
  }

  @Override
  public JobPaths paths(JobFolder folder) {
    return real.paths(folder);
  }

  /** Measures an ended job. {@code VolumeWatch} measures the running ones on threads of its own. */
  @Override
  public Optional<Overrun> overrun(
      JobFolder folder, long checkpointLimitBytes, long modelLimitBytes) {
    return files.call(
        Task.MEASURE_ENDED, () -> real.overrun(folder, checkpointLimitBytes, modelLimitBytes));
  }

  @Override
  public Duration lookInterval() {
    return real.lookInterval();
  }

  @Override
  public Path location() {
    return real.location();
  }

  @Override
  public long freeBytes() {
    return disk.look(real::freeBytes);
  }

  @Override
  public long totalBytes() {
    Optional<Size> recent = size.filter(Size::isRecent);
    if (recent.isEmpty()) {
      recent = Optional.of(new Size(disk.look(real::totalBytes), System.nanoTime()));
      size = recent;
    }
    return recent.get().bytes();
  }

  @Override
  public void delete(JobFolder folder) {
    files.run(Task.REMOVE, () -> real.delete(folder));
  }

  @Override
  public void close() {
    real.close();
  }
}
