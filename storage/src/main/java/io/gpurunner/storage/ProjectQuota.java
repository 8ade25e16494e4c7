package io.gpurunner.storage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.gpurunner.storage.StorageException.Kind;
import io.gpurunner.storage.TreeMeasure.HiddenTreeException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Gives each volume a project of its own in the file system's quota (ext4 or XFS mounted with
 * {@code prjquota}). A write beyond the limit fails. But the owner of a file may take it out of its
 * project (FS_IOC_FSSETXATTR, {@code chattr -p}), so the use is also measured. Needs root, and the
 * programs {@code findmnt}, {@code chattr} and {@code setquota}.
 */
final class ProjectQuota implements VolumeLimit {
  private static final Duration LOOK_INTERVAL = Duration.ofSeconds(15);
  private static final Duration COMMAND_LIMIT = Duration.ofSeconds(30);

  /** The first project id that is used. Lower ones are for the machine's administrator. */
  private static final long FIRST_PROJECT = 1_000_000;

  /** The bytes by which a volume may exceed its limit, so that a measurement can show it. */
  private static final long MARGIN_BYTES = 1 << 20;

  private static final List<String> FILE_SYSTEMS = List.of("ext4", "xfs");
  private static final List<String> OPTIONS = List.of("prjquota", "pquota");
  private static final JsonMapper JSON = JsonMapper.builder().build();

  private final Watching watching = new Watching();
  private final Path jobs;
  private final Path mountPoint;
  private final ReentrantLock choosing = new ReentrantLock();

  ProjectQuota(Path jobs) {
    this.jobs = jobs;
    this.mountPoint = Path.of(mountOf(jobs).path("target").asText());
  }

  /** Returns what project quota needs and this machine lacks, if it lacks something. */
  static Optional<String> obstacle(Path jobs) {
    for (String program : List.of("findmnt", "chattr", "setquota")) {
      if (!Command.exists(program)) {
        return Optional.of(
            "%s is not installed (packages mount, e2fsprogs, quota)".formatted(program));
      }
    }
    JsonNode mount = mountOf(jobs);
    String type = mount.path("fstype").asText();
    if (!FILE_SYSTEMS.contains(type)) {
      return Optional.of(
          "%s is on %s, and only ext4 and XFS are known to have project quota"
              .formatted(jobs, type.isEmpty() ? "an unknown file system" : type));
    }
    List<String> options = List.of(mount.path("options").asText().split(",", -1));
    if (options.stream().noneMatch(OPTIONS::contains)) {
      return Optional.of(
          "the %s file system at %s is not mounted with prjquota%s"
              .formatted(
                  type,
                  mount.path("target").asText(),
                  type.equals("ext4") ? " (ext4 needs tune2fs -O project -Q prjquota first)" : ""));
    }
    return Optional.empty();
  }

  private static JsonNode mountOf(Path path) {
    Command.Result result =
        Command.run(
            COMMAND_LIMIT,
            List.of("findmnt", "-J", "-o", "TARGET,FSTYPE,OPTIONS", "-T", path.toString()));
    try {
      return JSON.readTree(result.output()).path("filesystems").path(0);
    } catch (IOException failure) {
      throw new StorageException(
          Kind.REFUSED,
          "cannot find out which file system holds %s: findmnt printed: %s"
              .formatted(path, result.words()),
          failure);
    }
  }

  @Override
  public void prepare(Path jobRoot, Volume volume, long limitBytes) throws IOException {
    LoopImages.requireShown(jobRoot, volume);
    Path directory = VolumeLimit.directory(jobRoot, volume);
    String project = Long.toString(project(jobRoot, volume));
    // The project is set first, so that no file is ever created outside it.
    DurableFiles.directory(directory, DurableFiles.OWNER_ONLY);
    Command.require(
        COMMAND_LIMIT, List.of("chattr", "-p", project, "+P", "--", directory.toString()));
    setLimit(
        project, Math.ceilDiv(limitBytes + MARGIN_BYTES, 1024), VolumeLimit.maxFiles(limitBytes));
    DurableFiles.directory(directory, DurableFiles.EVERYONE);
  }

  private void setLimit(String project, long kibibytes, long files) {
    Command.require(
        COMMAND_LIMIT,
        List.of(
            "setquota",
            "-P",
            project,
            "0",
            Long.toString(kibibytes),
            "0",
            Long.toString(files),
            mountPoint.toString()));
  }

  /** Returns the volume's project. A new one is on disk before it is used. */
  private long project(Path jobRoot, Volume volume) throws IOException {
    choosing.lock();
    try {
      Path file = projectFile(jobRoot, volume);
      Optional<Long> known = readProject(file);
      if (known.isPresent()) {
        return known.get();
      }
      long project = Math.max(FIRST_PROJECT, highestProject() + 1);
      Path unfinished = file.resolveSibling(file.getFileName() + ".new");
      Files.writeString(unfinished, Long.toString(project));
      try (FileChannel channel = FileChannel.open(unfinished, StandardOpenOption.WRITE)) {
        channel.force(true);
      }
      Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
      DurableFiles.sync(jobRoot);
      return project;
    } finally {
      choosing.unlock();
    }
  }

  private long highestProject() throws IOException {
    long highest = 0;
    try (DirectoryStream<Path> roots = Files.newDirectoryStream(jobs)) {
      for (Path root : roots) {
        for (Volume volume : Volume.values()) {
          highest = Math.max(highest, readProject(projectFile(root, volume)).orElse(0L));
        }
      }
    }
    return highest;
  }

  private static Optional<Long> readProject(Path file) throws IOException {
    try {
      return Optional.of(Long.parseLong(Files.readString(file, StandardCharsets.US_ASCII).strip()));
    } catch (NoSuchFileException none) {
      return Optional.empty();
    } catch (NumberFormatException damaged) {
      throw new IOException("does not hold a project number: " + file, damaged);
    }
  }

  @Override
  public void reveal(Path jobRoot, Volume volume) throws IOException {
    watching.reveal(jobRoot, volume);
  }

  @Override
  public Usage measure(Path jobRoot, Volume volume, long maxFiles) throws HiddenTreeException {
    return watching.measure(jobRoot, volume, maxFiles);
  }

  @Override
  public void release(Path jobRoot, Volume volume) throws IOException {
    Optional<Long> project = readProject(projectFile(jobRoot, volume));
    if (project.isPresent()) {
      setLimit(Long.toString(project.get()), 0, 0);
    }
    watching.release(jobRoot, volume);
  }

  @Override
  public Duration lookInterval() {
    return LOOK_INTERVAL;
  }

  private static Path projectFile(Path jobRoot, Volume volume) {
    Path directory = VolumeLimit.directory(jobRoot, volume);
    return directory.resolveSibling(directory.getFileName() + ".project");
  }
}
