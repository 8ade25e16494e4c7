package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Opens the machine's volumes of jobs as configured. Called once, at the agent's start. */
public final class Volumes {
  private static final Logger log = LoggerFactory.getLogger(Volumes.class);

  private Volumes() {}

  /**
   * @throws StorageException REFUSED if the configured enforcement is not possible here, saying
   *     what it lacks
   */
  public static JobVolumes open(VolumeSettings settings) {
    Path jobs = settings.stateDirectory().toAbsolutePath().normalize().resolve("jobs");
    try {
      Files.createDirectories(settings.stateDirectory());
      DurableFiles.directory(jobs, DurableFiles.OWNER_ONLY);
    } catch (IOException failure) {
      throw DiskErrors.explain("cannot create the jobs' directory", jobs, failure);
    }
    return new DirectoryJobVolumes(
        jobs,
        settings.reserveBytes(),
        switch (settings.enforcement()) {
          case AUTO -> automatic(jobs);
          case PROJECT_QUOTA -> {
            Optional<String> obstacle = ProjectQuota.obstacle(jobs);
            if (obstacle.isPresent()) {
              throw refused("project-quota", obstacle.get());
            }
            yield new ProjectQuota(jobs);
          }
          case IMAGE -> {
            Optional<String> obstacle = LoopImages.obstacle();
            if (obstacle.isPresent()) {
              throw refused("image", obstacle.get());
            }
            yield new LoopImages(new MachineMounts());
          }
          case WATCH -> new Watching();
        });
  }

  /**
   * Chooses the way to limit volumes. Images are never chosen by themselves: they need loop devices
   * and mounts, and the administrator must decide on those.
   */
  private static VolumeLimit automatic(Path jobs) {
    Optional<String> obstacle = ProjectQuota.obstacle(jobs);
    if (obstacle.isEmpty()) {
      log.info("volumes.enforcement: project quota on {}", jobs);
      return new ProjectQuota(jobs);
    }
    log.info("volumes.enforcement: watching, because {}", obstacle.get());
    return new Watching();
  }

  private static StorageException refused(String configured, String obstacle) {
    return new StorageException(
        Kind.REFUSED,
        "volumes.enforcement: %s is not possible here: %s; add what is missing, or set auto, image or watch"
            .formatted(configured, obstacle));
  }
}
