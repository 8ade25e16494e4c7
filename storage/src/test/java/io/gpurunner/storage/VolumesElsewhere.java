package io.gpurunner.storage;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;

/** A program that uses job volumes. A test starts it in another mount namespace. */
final class VolumesElsewhere {
  private VolumesElsewhere() {}

  /**
   * @param words the jobs' directory; the /proc directory of the process whose mount namespace is
   *     the machine's; what to do
   */
  public static void main(String[] words) throws Exception {
    LoopImages images = new LoopImages(new MachineMounts(Path.of(words[1])));
    try (JobVolumes volumes = new DirectoryJobVolumes(Path.of(words[0]), 0, images)) {
      switch (words[2]) {
        case "prepare" -> {
          JobPaths paths =
              volumes.prepare(
                  JobVolumesContract.JOB, JobVolumesContract.LIMIT, JobVolumesContract.LIMIT);
          Files.writeString(paths.checkpoint().resolve("epoch"), "1");
        }
        case "watch" ->
            System.out.println(
                new DirectoryJobVolumes(Path.of(words[0]), 0, new Watching())
                    .overrun(
                        JobVolumesContract.JOB,
                        JobVolumesContract.LIMIT,
                        JobVolumesContract.LIMIT));
        case "auto" -> {
          Path state = Objects.requireNonNull(Path.of(words[0]).getParent());
          try (JobVolumes chosen =
              Volumes.open(new VolumeSettings(state, VolumeSettings.Enforcement.AUTO))) {
            System.out.println(chosen.whyWatched());
          }
        }
        case "delete" -> volumes.delete(JobVolumesContract.JOB);
        default -> throw new IllegalArgumentException(words[2]);
      }
    } catch (StorageException failure) {
      System.out.println(failure.getMessage());
      System.exit(3);
    }
  }
}
