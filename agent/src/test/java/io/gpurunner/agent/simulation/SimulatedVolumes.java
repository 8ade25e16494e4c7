package io.gpurunner.agent.simulation;

import io.gpurunner.agent.simulation.JobTruth.Cause;
import io.gpurunner.api.JobId;
import io.gpurunner.storage.Cancellation;
import io.gpurunner.storage.JobFolder;
import io.gpurunner.storage.JobPaths;
import io.gpurunner.storage.JobVolumes;
import io.gpurunner.storage.StorageException;
import io.gpurunner.storage.StorageException.Kind;
import io.gpurunner.storage.Volume;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/** Jobs' directories as the agent meets them. */
class SimulatedVolumes implements JobVolumes {
  private final Simulation simulation;
  private final Port port;

  SimulatedVolumes(Simulation simulation, Port port) {
    this.simulation = simulation;
    this.port = port;
  }

  @Override
  public JobPaths prepare(JobFolder folder, long checkpointLimitBytes, long modelLimitBytes) {
    port.between("prepare");
    failMaybe(folder, "prepare");
    Volumes.Directory directory =
        simulation
            .volumes
            .directories()
            .computeIfAbsent(folder.name(), _ -> new Volumes.Directory());
    directory.hidden = false;
    simulation.truth(job(folder)).hadDirectories = true;
    port.between("prepared");
    return paths(folder);
  }

  @Override
  public void seedCheckpoint(
      JobFolder to, long checkpointLimitBytes, JobFolder from, Cancellation cancellation) {
    port.between("seed");
    failMaybe(to, "seed");
    if (!simulation.volumes.directories().containsKey(from.name())) {
      // The submission checked them, and retention has kept them since. But a job that was
      // deleted in the queue never had any.
      simulation.invariants.files.seededFromNothing(job(to), job(from));
      simulation.truth(job(to)).causes.add(Cause.VOLUMES);
      throw new StorageException(Kind.REFUSED, from.name() + " has no directories");
    }
  }

  @Override
  public JobPaths reveal(JobFolder folder) {
    port.between("reveal");
    Volumes.Directory directory = simulation.volumes.directories().get(folder.name());
    if (directory == null) {
      throw new StorageException(Kind.REFUSED, folder.name() + " has no directories");
    }
    directory.hidden = false;
    return paths(folder);
  }

  @Override
  public void rest(Predicate<JobFolder> isNeeded) {
    // These volumes take nothing of the machine beside its disk.
  }

  @Override
  public Optional<String> whyWatched() {
    return Optional.empty();
  }

  @Override
  public void sync(JobFolder folder) {
    reveal(folder);
    if (port.fails(simulation.weather.volumes)) {
      simulation.truth(job(folder)).causes.add(Cause.VOLUMES);
      throw new StorageException(Kind.UNFIT, "the disk did not take all of it");
    }
    Optional.ofNullable(simulation.volumes.directories().get(folder.name()))
        .ifPresent(directory -> directory.synced = true);
    port.between("synced");
  }

  @Override
  public JobPaths paths(JobFolder folder) {
    Volumes.Directory directory = simulation.volumes.directories().get(folder.name());
    boolean readable =
        directory != null && directory.written && !directory.torn && !directory.hidden;
    int files = readable ? simulation.truth(job(folder)).modelFiles : 0;
    Path model = simulation.models.of(files);
    return new JobPaths(model, model, model, model);
  }

  @Override
  public Optional<Overrun> overrun(
      JobFolder folder, long checkpointLimitBytes, long modelLimitBytes) {
    port.between("measure");
    if (port.fails(simulation.weather.volumes)) {
      throw new StorageException(Kind.REFUSED, "it cannot be measured");
    }
    for (Box box : simulation.machine.boxes.values()) {
      if (box.name.job().value().equals(folder.name())
          && box.program.overruns()
          && box.stage != Box.Stage.CREATED) {
        simulation.truth(box.name.job()).causes.add(Cause.OVERRUN);
        return Optional.of(new Overrun.Bytes(Volume.MODEL, modelLimitBytes + 1, modelLimitBytes));
      }
    }
    return Optional.empty();
  }

  @Override
  public Duration lookInterval() {
    return Duration.ofSeconds(5);
  }

  @Override
  public Path location() {
    return Path.of("/simulated/jobs");
  }

  @Override
  public long freeBytes() {
    return simulation.machine.freeBytes();
  }

  @Override
  public long totalBytes() {
    return simulation.machine.diskBytes;
  }

  @Override
  public void delete(JobFolder folder) {
    simulation.invariants.files.removed(job(folder));
    port.between("delete directories");
    if (port.fails(simulation.weather.volumes)) {
      throw new StorageException(Kind.REFUSED, "it cannot be deleted");
    }
    simulation.volumes.directories().remove(folder.name());
    port.between("directories deleted");
  }

  @Override
  public void close() {
    // Nothing is held.
  }

  private void failMaybe(JobFolder folder, String what) {
    if (port.fails(simulation.weather.volumes)) {
      simulation.truth(job(folder)).causes.add(Cause.VOLUMES);
      throw new StorageException(
          simulation.dice.pick(List.of(Kind.FULL, Kind.REFUSED)),
          what + " of the directories was made to fail");
    }
  }

  private static JobId job(JobFolder folder) {
    return new JobId(folder.name());
  }
}
