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

  private static final String NOTHING_STOPS_A_WRITE =
      "the file system has no project quota, and no image can be mounted; the agent's log says why";

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
    Chosen chosen =
        switch (settings.enforcement()) {
          case AUTO -> automatic(jobs);
          case PROJECT_QUOTA -> {
            Optional<String> obstacle = ProjectQuota.obstacle(jobs);
            if (obstacle.isPresent()) {
              throw refused("project-quota", obstacle.get());
            }
            yield new Chosen(new ProjectQuota(jobs), Optional.empty());
          }
          case IMAGE -> {
            Optional<String> obstacle = LoopImages.obstacle();
            if (obstacle.isPresent()) {
              throw refused("image", obstacle.get());
            }
            yield new Chosen(new LoopImages(new MachineMounts()), Optional.empty());
          }
          case WATCH -> new Chosen(new Watching(), Optional.of("volumes.enforcement says so"));
        };
    return new DirectoryJobVolumes(
        jobs, settings.reserveBytes(), chosen.limit(), chosen.whyWatched());
  }

  /**
   * The way to limit volumes.
   *
   * @param whyWatched why volumes are only watched; empty if they are not
   */
  private record Chosen(VolumeLimit limit, Optional<String> whyWatched) {}

  /** Chooses the way to limit volumes: only if nothing stops a write are they watched. */
  private static Chosen automatic(Path jobs) {
    Optional<String> noQuota = ProjectQuota.obstacle(jobs);
    if (noQuota.isEmpty()) {
      log.info("volumes.enforcement: project quota on {}", jobs);
      return new Chosen(new ProjectQuota(jobs), Optional.empty());
    }
    LoopImages images = new LoopImages(new MachineMounts());
    Optional<String> noImages = LoopImages.obstacle().or(() -> images.tryOut(jobs));
    if (noImages.isEmpty()) {
      log.info("volumes.enforcement: images, because {}", noQuota.get());
      return new Chosen(images, Optional.empty());
    }
    log.warn("volumes.enforcement: watching, because {}, and {}", noQuota.get(), noImages.get());
    return new Chosen(new Watching(), Optional.of(NOTHING_STOPS_A_WRITE));
  }

  private static StorageException refused(String configured, String obstacle) {
    return new StorageException(
        Kind.REFUSED,
        "volumes.enforcement: %s is not possible here: %s; add what is missing, or set auto, image or watch"
            .formatted(configured, obstacle));
  }
}
