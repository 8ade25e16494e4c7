package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Measures volumes. It stops no write by itself.
 *
 * <p>It uses {@code du}, because the JDK does not report a file's blocks. It reports only the
 * length, which says nothing of a sparse file. {@code du} counts a file with several names once,
 * follows no link, and goes on when files vanish.
 */
final class Watching implements VolumeLimit {
  private static final Duration LOOK_INTERVAL = Duration.ofSeconds(5);
  private static final Duration DU_LIMIT = Duration.ofMinutes(2);
  private static final Pattern TOTAL = Pattern.compile("(?m)^([0-9]{1,15})\\s");

  /** The images of jobs that were prepared while volumes were images. */
  private final LoopImages images = new LoopImages(new MachineMounts());

  @Override
  public void prepare(Path jobRoot, Volume volume, long limitBytes) throws IOException {
    LoopImages.requireShown(jobRoot, volume);
    DurableFiles.directory(VolumeLimit.directory(jobRoot, volume), DurableFiles.EVERYONE);
  }

  @Override
  public void reveal(Path jobRoot, Volume volume) throws IOException {
    LoopImages.requireShown(jobRoot, volume);
  }

  @Override
  public long usedBytes(Path jobRoot, Volume volume) {
    return du(VolumeLimit.directory(jobRoot, volume), "-k") * 1024;
  }

  @Override
  public Optional<Long> countFiles(Path jobRoot, Volume volume) {
    return Optional.of(du(VolumeLimit.directory(jobRoot, volume), "--inodes"));
  }

  private static long du(Path directory, String unit) {
    if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
      return 0;
    }
    // The exit status is 1 also if only a file vanished meanwhile.
    Command.Result result =
        Command.run(DU_LIMIT, List.of("du", unit, "-s", "-x", "--", directory.toString()));
    Matcher total = TOTAL.matcher(result.output());
    if (!total.find()) {
      if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
        return 0;
      }
      throw new StorageException(
          Kind.UNAVAILABLE,
          "cannot measure %s: du %s ended with %d: %s"
              .formatted(directory, unit, result.exitStatus(), result.words()));
    }
    return Long.parseLong(total.group(1));
  }

  @Override
  public void release(Path jobRoot, Volume volume) throws IOException {
    images.release(jobRoot, volume);
  }

  @Override
  public Duration lookInterval() {
    return LOOK_INTERVAL;
  }
}
