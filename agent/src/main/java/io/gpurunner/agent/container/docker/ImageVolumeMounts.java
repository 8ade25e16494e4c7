package io.gpurunner.agent.container.docker;

import com.fasterxml.jackson.databind.JsonNode;
import com.github.dockerjava.api.model.Driver;
import com.github.dockerjava.api.model.Mount;
import com.github.dockerjava.api.model.MountType;
import com.github.dockerjava.api.model.VolumeOptions;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.ContainerSpec.ImageVolumes;
import io.gpurunner.storage.JobPaths;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Mounts a directory of the job on each path that its image declares as a VOLUME. Without that the
 * engine would create a volume on its own disk, which no limit of the job covers. The mounts are
 * volumes too, of the engine's driver "local" with a bind as its option, and not plain binds. So
 * the engine copies what the image has at the path, as it does for its own volumes. They have no
 * name, so they go with the container. Pure.
 */
final class ImageVolumeMounts {
  private static final long BYTES_PER_MEGABYTE = 1_000_000;

  private ImageVolumeMounts() {}

  /**
   * What an image declares.
   *
   * @param paths of its volumes, in the container
   * @param imageBytes the size of the image, which is the most that is copied into them
   */
  record Declared(Set<String> paths, long imageBytes) {
    static final Declared NOTHING = new Declared(Set.of(), 0);

    /** Reads the engine's description of an image. */
    static Declared in(JsonNode image) {
      Set<String> paths = new TreeSet<>();
      image.path("Config").path("Volumes").fieldNames().forEachRemaining(paths::add);
      return new Declared(paths, image.path("Size").asLong());
    }
  }

  /**
   * @throws ContainerException REFUSED if the volumes are too many, or the image does not fit the
   *     job's limit
   */
  static List<Mount> of(ContainerSpec spec, Declared declared) {
    Optional<ImageVolumes> place = spec.imageVolumes();
    Set<Path> taken =
        spec.mounts().stream()
            .map(mount -> normalized(mount.containerPath()))
            .collect(Collectors.toSet());
    List<String> free =
        declared.paths().stream().filter(path -> !taken.contains(normalized(path))).toList();
    if (place.isEmpty() || free.isEmpty()) {
      return List.of();
    }
    if (free.size() > JobPaths.IMAGE_VOLUMES_LIMIT) {
      throw refused(
          spec,
          free.size() + " volumes, and " + JobPaths.IMAGE_VOLUMES_LIMIT + " are the most",
          "build it with fewer");
    }
    if (declared.imageBytes() > place.get().limitBytes()) {
      throw refused(
          spec,
          "volumes, which count to ckptVol, and up to "
              + Math.ceilDiv(declared.imageBytes(), BYTES_PER_MEGABYTE)
              + " MB of the image may be copied into them",
          "ask for a ckptVol of that size, or build it without VOLUME");
    }
    List<Mount> mounts = new ArrayList<>();
    for (String path : free) {
      String name = Integer.toString(mounts.size());
      mounts.add(mount(path, place.get().hostDirectory().resolve(name)));
    }
    return mounts;
  }

  private static ContainerException refused(ContainerSpec spec, String what, String advice) {
    return new ContainerException(
        Kind.REFUSED, "image " + spec.image() + " declares " + what + "; " + advice);
  }

  private static Path normalized(String path) {
    return Path.of("/").resolve(path).normalize();
  }

  private static Mount mount(String containerPath, Path directory) {
    return new Mount()
        .withType(MountType.VOLUME)
        .withTarget(containerPath)
        .withVolumeOptions(
            new VolumeOptions()
                .withDriverConfig(
                    new Driver()
                        .withName("local")
                        .withOptions(
                            Map.of("type", "none", "o", "bind", "device", directory.toString()))));
  }
}
