package io.gpurunner.agent.container.docker;

import io.gpurunner.storage.FileFault;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/**
 * Reads the device names out of CDI specifications
 * (github.com/cncf-tags/container-device-interface, {@code kind} and {@code devices[].name}).
 * Engines 25 to 28.1 report the directories of the specifications, but not the devices.
 */
final class CdiSpecifications {
  private static final Logger LOG = LoggerFactory.getLogger(CdiSpecifications.class);

  /** A generated specification has some kilobytes. */
  private static final long FILE_BYTES_LIMIT = 4L * 1024 * 1024;

  private CdiSpecifications() {}

  /**
   * Returns the names in all specifications of the directories, such as {@code nvidia.com/gpu=0}.
   */
  static List<String> deviceNames(List<String> directories) {
    List<String> names = new ArrayList<>();
    for (String directory : directories) {
      Path path = Path.of(directory);
      if (!Files.isDirectory(path)) {
        continue;
      }
      try (DirectoryStream<Path> files = Files.newDirectoryStream(path, "*.{yaml,yml,json}")) {
        for (Path file : files) {
          names.addAll(namesIn(file));
        }
      } catch (IOException e) {
        LOG.warn("cannot read the CDI directory {}: {}", directory, FileFault.words(e, path));
      }
    }
    return List.copyOf(names);
  }

  /** Returns what changes whenever a specification is written, added or removed. */
  static String fingerprint(List<String> directories) {
    StringBuilder print = new StringBuilder();
    for (String directory : directories) {
      try (DirectoryStream<Path> files = Files.newDirectoryStream(Path.of(directory))) {
        List<String> found = new ArrayList<>();
        for (Path file : files) {
          BasicFileAttributes facts = Files.readAttributes(file, BasicFileAttributes.class);
          found.add(file + " " + facts.fileKey() + " " + facts.lastModifiedTime());
        }
        found.stream().sorted().forEach(line -> print.append(", ").append(line));
      } catch (IOException | DirectoryIteratorException absent) {
        print.append(", no ").append(directory);
      }
    }
    return print.toString();
  }

  private static List<String> namesIn(Path file) throws IOException {
    if (Files.size(file) > FILE_BYTES_LIMIT) {
      return List.of();
    }
    try {
      // JSON is YAML.
      Object document =
          new Load(LoadSettings.builder().setLabel(file.toString()).build())
              .loadFromString(Files.readString(file));
      if (document instanceof Map<?, ?> specification
          && specification.get("kind") instanceof String kind
          && specification.get("devices") instanceof List<?> devices) {
        return devices.stream()
            .filter(Map.class::isInstance)
            .map(device -> ((Map<?, ?>) device).get("name"))
            .filter(name -> name instanceof String || name instanceof Number)
            .map(name -> kind + "=" + name)
            .toList();
      }
    } catch (YamlEngineException e) {
      LOG.warn("cannot read the CDI specification {}: {}", file, e.getMessage());
    }
    return List.of();
  }
}
