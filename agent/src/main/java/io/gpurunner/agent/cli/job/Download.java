package io.gpurunner.agent.cli.job;

import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.CommandFailedException;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.client.Surroundings;
import io.gpurunner.agent.cli.terminal.LivingLine;
import io.gpurunner.agent.cli.terminal.Plain;
import io.gpurunner.agent.cli.terminal.Sizes;
import io.gpurunner.storage.FileFault;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Fetches files into a directory. A file gets its name after its size and its SHA-256 were checked,
 * so that a file under its name is whole.
 */
final class Download {
  private static final int BUFFER_BYTES = 256 << 10;
  private static final long SHOWN_STEP_BYTES = 16 << 20;

  private final ApiClient agent;
  private final Surroundings around;
  private final Path directory;

  Download(ApiClient agent, Surroundings around, Path directory) {
    this.agent = agent;
    this.around = around;
    this.directory = directory;
  }

  /**
   * Fetches all files, and prints the path of each.
   *
   * @throws CommandFailedException if one cannot be fetched or is not what the agent says; those
   *     before it are there
   */
  void fetch(List<Artifact> files) {
    boolean empty = isEmpty();
    files.forEach(file -> requireRoom(file, empty));
    try {
      Files.createDirectories(directory);
    } catch (IOException failure) {
      throw new CommandFailedException(
          "--get: " + directory + ": " + FileFault.words(failure, directory), failure);
    }
    files.forEach(this::fetch);
  }

  /** Returns whether the directory is empty, or will be created. */
  private boolean isEmpty() {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.findAny().isEmpty();
    } catch (NoSuchFileException absent) {
      return true;
    } catch (IOException unreadable) {
      return false; // what is wrong with it is told when it is written to
    }
  }

  /** Refuses a name that leads elsewhere or that programs read by themselves, and one taken. */
  private void requireRoom(Artifact file, boolean empty) {
    if (!file.hasSafeName()) {
      throw new CommandFailedException(
          "--get: a file is named "
              + Plain.line(file.name())
              + ", which is no name for a file here");
    }
    if (file.name().startsWith(".") && !empty) {
      throw new CommandFailedException(
          ExitStatus.USAGE,
          "--get: a file is named "
              + Plain.line(file.name())
              + ", and programs may read such files by themselves; accepted for it: a new or empty"
              + " directory");
    }
    Path target = directory.resolve(file.name());
    if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
      throw new CommandFailedException(
          ExitStatus.USAGE,
          "--get: "
              + Plain.line(target.toString())
              + " is there already; remove it, or name another directory");
    }
  }

  private void fetch(Artifact file) {
    LivingLine line = new LivingLine(around.console());
    try (InputStream in = agent.download(file.url());
        DraftFile draft = DraftFile.in(directory)) {
      MessageDigest digest = sha256();
      long bytes = copy(in, draft, digest, file, line);
      line.end();
      check(file, bytes, HexFormat.of().formatHex(digest.digest()));
      Path target = directory.resolve(file.name());
      draft.keepAs(target);
      around.console().out().println(Plain.line(target.toString()));
    } catch (IOException broken) {
      throw new CommandFailedException(
          ExitStatus.UNREACHABLE,
          "the download broke; try again: " + Plain.line(String.valueOf(broken.getMessage())),
          broken);
    } finally {
      line.end();
    }
  }

  private static long copy(
      InputStream in, DraftFile draft, MessageDigest digest, Artifact file, LivingLine line)
      throws IOException {
    long done = 0;
    long shown = 0;
    byte[] buffer = new byte[BUFFER_BYTES];
    for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
      draft.write(buffer, read);
      digest.update(buffer, 0, read);
      done += read;
      if (done - shown >= SHOWN_STEP_BYTES) {
        shown = done;
        line.show(progress(file, done), file.name());
      }
    }
    return done;
  }

  private static String progress(Artifact file, long done) {
    String all = file.bytes().isPresent() ? " of " + Sizes.words(file.bytes().getAsLong()) : "";
    return file.name() + ": " + Sizes.words(done) + all;
  }

  private static void check(Artifact file, long bytes, String sha256) {
    String name = Plain.line(file.name());
    if (file.bytes().isPresent() && file.bytes().getAsLong() != bytes) {
      throw new CommandFailedException(
          "%s: has %d bytes, and %d came; fetch it again"
              .formatted(name, file.bytes().getAsLong(), bytes));
    }
    Optional<String> wrong = file.sha256().filter(known -> !known.equalsIgnoreCase(sha256));
    if (wrong.isPresent()) {
      throw new CommandFailedException(
          "%s: its SHA-256 is %s, and what came has %s; fetch it again"
              .formatted(name, Plain.line(wrong.get()), sha256));
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException(impossible); // every Java has it
    }
  }
}
