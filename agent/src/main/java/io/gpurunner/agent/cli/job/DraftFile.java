package io.gpurunner.agent.cli.job;

import io.gpurunner.agent.cli.client.CommandFailedException;
import io.gpurunner.agent.cli.terminal.Plain;
import io.gpurunner.agent.cli.terminal.Sizes;
import io.gpurunner.storage.FileFault;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/**
 * A file that is being fetched. It has a hidden name until it is whole, and is removed if it gets
 * no other. Its failures are those of the disk, and say so. Not thread-safe.
 */
final class DraftFile implements AutoCloseable {
  private final Path directory;
  private final Path draft;
  private final OutputStream out;

  /**
   * @param out writes the draft
   */
  DraftFile(Path directory, Path draft, OutputStream out) {
    this.directory = directory;
    this.draft = draft;
    this.out = out;
    draft.toFile().deleteOnExit(); // Ctrl-C leaves nothing behind
  }

  /**
   * Creates an empty one.
   *
   * @throws CommandFailedException if the disk fails
   */
  static DraftFile in(Path directory) {
    Path draft = directory.resolve("." + UUID.randomUUID() + ".part");
    try {
      return new DraftFile(
          directory, draft, Files.newOutputStream(draft, StandardOpenOption.CREATE_NEW));
    } catch (IOException failure) {
      throw failed(directory, FileFault.reason(failure), failure);
    }
  }

  /**
   * Writes the first bytes of a buffer.
   *
   * @throws CommandFailedException if the disk fails, for example because it is full
   */
  void write(byte[] buffer, int length) {
    try {
      out.write(buffer, 0, length);
    } catch (IOException failure) {
      throw failed(directory, FileFault.reason(failure), failure);
    }
  }

  /**
   * Gives the file its name.
   *
   * @throws CommandFailedException if the disk fails, or another file has the name now
   */
  void keepAs(Path target) {
    try {
      out.close();
      Files.move(draft, target);
    } catch (IOException failure) {
      throw failed(directory, FileFault.words(failure), failure);
    }
  }

  /** Removes the file, if it has no name yet. */
  @Override
  public void close() throws IOException {
    try {
      out.close();
    } finally {
      Files.deleteIfExists(draft);
    }
  }

  private static CommandFailedException failed(Path directory, String why, IOException cause) {
    return new CommandFailedException(
        "--get: cannot write to "
            + Plain.line(directory.toString())
            + disk(directory)
            + ": "
            + Plain.line(why)
            + "; make room or get access there, or name another directory",
        cause);
  }

  /** Returns which disk it is, and what is free there, if the system tells it. */
  private static String disk(Path directory) {
    try {
      FileStore disk = Files.getFileStore(directory);
      return " (disk %s, %s free)"
          .formatted(Plain.line(disk.toString()), Sizes.words(disk.getUsableSpace()));
    } catch (IOException unknown) {
      return "";
    }
  }
}
