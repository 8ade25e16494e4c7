package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerSpec.Mount;
import io.gpurunner.agent.container.FakeEngineProbe;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobRequest;
import io.gpurunner.api.JobType;
import io.gpurunner.api.LibraryMount;
import io.gpurunner.gpu.NoGpuInventory;
import io.gpurunner.storage.FileWork;
import io.gpurunner.storage.JobPaths;
import io.gpurunner.storage.JobVolumes;
import io.gpurunner.storage.Library;
import io.gpurunner.storage.LibraryAccess;
import io.gpurunner.storage.StorageException;
import io.gpurunner.storage.VolumeSettings;
import io.gpurunner.storage.Volumes;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LocalSpecsTest {
  @TempDir private Path directory;
  private final MovableClock clock = new MovableClock();
  private final FakeEngineProbe engine = new FakeEngineProbe();

  /** Pulling an image may take long, and the machine may be rebooted meanwhile. */
  @Test
  void noContainerIsToHaveDirectoriesThatAreNotMountedAnyMore() throws Exception {
    Job job =
        Job.created(JobId.random(), "ann", 1, clock.instant(), Requests.simple().gpus(0).build());
    ContainerName name = new ContainerName(job.id(), 1);
    try (JobVolumes volumes =
        Volumes.open(new VolumeSettings(directory, VolumeSettings.Enforcement.WATCH))) {
      Files.createDirectories(directory.resolve("library/train-dataset"));
      LocalSpecs specs = specs(volumes);
      JobPaths paths = volumes.prepare(job.folder(), 1 << 20, 1 << 20);
      assertThat(specs.specFor(job, name, List.of()).mounts())
          .extracting(Mount::hostPath)
          .contains(paths.checkpoint(), paths.model());

      Path image = Files.createFile(paths.root().resolve("model.img"));
      assertThatThrownBy(() -> specs.specFor(job, name, List.of()))
          .isInstanceOf(StorageException.class)
          .hasMessageContaining(image.toString());
    }
  }

  /** An entry of a library may be changed while a job waits. */
  @Test
  void aJobsDirectoryIsMountedInADataSetOnlyWhereThatHasOne() throws Exception {
    JobRequest request =
        Requests.simple()
            .gpus(0)
            .dataset(new LibraryMount("corpus", "/in"))
            .ckptPath("/in/work")
            .build();
    Job job = Job.created(JobId.random(), "ann", 1, clock.instant(), request);
    ContainerName name = new ContainerName(job.id(), 1);
    try (JobVolumes volumes =
        Volumes.open(new VolumeSettings(directory, VolumeSettings.Enforcement.WATCH))) {
      Path place = Files.createDirectories(directory.resolve("library/corpus/work"));
      LocalSpecs specs = specs(volumes);
      volumes.prepare(job.folder(), 1 << 20, 1 << 20);
      assertThat(specs.specFor(job, name, List.of()).mounts())
          .extracting(Mount::containerPath)
          .contains("/in", "/in/work");

      Files.delete(place);
      assertThatThrownBy(() -> specs.specFor(job, name, List.of()))
          .isInstanceOf(StorageException.class)
          .hasMessage(
              "dataset corpus has no directory work any more, on which /in/work is mounted");
    }
  }

  /** Access may be taken away while a job waits. The name of the entry alone opens nothing. */
  @Test
  void anEntryOfOtherUsersIsNotMountedAtTheStartEither() throws Exception {
    JobRequest request =
        Requests.simple().gpus(0).dataset(new LibraryMount("patients", "/in")).build();
    try (JobVolumes volumes =
        Volumes.open(new VolumeSettings(directory, VolumeSettings.Enforcement.WATCH))) {
      Path patients = Files.createDirectories(directory.resolve("library/patients")).toRealPath();
      LocalSpecs specs =
          specs(volumes, new LibraryAccess(Map.of("patients", Set.of("alice", "bob"))));
      for (String user : List.of("alice", "eve")) {
        Job job = Job.created(JobId.random(), user, 1, clock.instant(), request);
        ContainerName name = new ContainerName(job.id(), 1);
        volumes.prepare(job.folder(), 1 << 20, 1 << 20);
        if (user.equals("alice")) {
          assertThat(specs.specFor(job, name, List.of()).mounts())
              .extracting(Mount::hostPath)
              .contains(patients);
        } else {
          assertThatThrownBy(() -> specs.specFor(job, name, List.of()))
              .isInstanceOf(StorageException.class)
              .hasMessage("dataset patients is not in the library any more");
        }
      }
    }
  }

  @Test
  void aHostfileThatCannotBeWrittenIsTheMachinesTrouble() throws Exception {
    JobRequest request = Requests.simple().gpus(0).jobType(JobType.MPI).build();
    Job job = Job.created(JobId.random(), "ann", 1, clock.instant(), request);
    try (JobVolumes volumes =
        Volumes.open(new VolumeSettings(directory, VolumeSettings.Enforcement.WATCH))) {
      Files.createDirectories(directory.resolve("library/train-dataset"));
      LocalSpecs specs = specs(volumes);
      JobPaths paths = volumes.prepare(job.folder(), 1 << 20, 1 << 20);
      Files.createDirectories(paths.root().resolve("hostfile.part"));
      assertThatThrownBy(() -> specs.specFor(job, new ContainerName(job.id(), 1), List.of()))
          .isInstanceOfSatisfying(
              ContainerException.class,
              e -> assertThat(e.kind()).isEqualTo(ContainerException.Kind.MACHINE_UNFIT))
          .hasMessageContaining("the MPI hostfile cannot be written: ");
    }
  }

  private LocalSpecs specs(JobVolumes volumes) {
    return specs(volumes, LibraryAccess.OPEN);
  }

  private LocalSpecs specs(JobVolumes volumes, LibraryAccess access) {
    Library library = new Library("library.datasets", directory.resolve("library"), access);
    return new LocalSpecs(
        volumes, library, library, new NoGpuInventory(clock), 1L << 30, new FileWork(), engine);
  }
}
