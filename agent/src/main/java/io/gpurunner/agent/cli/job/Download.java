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
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Fetches files into a directory, and replaces none. A file gets its name after its size and its
 * SHA-256 were checked, so that a file under its name is whole.
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
   * Fetches all files, and prints the path of each. A file that is there already, as after a broken
   * download, stays if it is the same.
   *
   * @throws CommandFailedException if one cannot be fetched or is not what the agent says; those
   *     before it are there
   */
  void fetch(List<Artifact> files) {
    files.forEach(Download::requireSafeName);
    Set<Path> there =
        files.stream().filter(this::isThere).map(this::target).collect(Collectors.toSet());
    boolean own = hasOnly(there);
    files.stream()
        .filter(file -> !there.contains(target(file)) && !own)
        .forEach(Download::requireNotHidden);
    try {
      Files.createDirectories(directory);
    } catch (IOException failure) {
      throw failed(directory, failure);
    }
    for (Artifact file : files) {
      if (!there.contains(target(file))) {
        fetch(file);
      }
      around.console().out().println(Plain.line(target(file).toString()));
    }
  }

  private Path target(Artifact file) {
    return directory.resolve(file.name());
  }

  /** Returns whether the directory has no other files than these, or will be created. */
  private boolean hasOnly(Set<Path> files) {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.allMatch(files::contains);
    } catch (NoSuchFileException absent) {
      return true;
    } catch (IOException unreadable) {
      return false; // a write to it fails, too, and then says why
    }
  }

  private static void requireSafeName(Artifact file) {
    if (!file.hasSafeName()) {
      throw new CommandFailedException(
          "--get: a file is named "
              + Plain.line(file.name())
              + ", which is no name for a file here");
    }
  }

  private static void requireNotHidden(Artifact file) {
    if (file.name().startsWith(".")) {
      throw new CommandFailedException(
          ExitStatus.USAGE,
          "--get: a file is named "
              + Plain.line(file.name())
              + ", and programs may read such files by themselves; accepted for it: a new or empty"
              + " directory");
    }
  }

  /**
   * Returns whether the file is there, as it was published.
   *
   * @throws CommandFailedException if something else has its name
   */
  private boolean isThere(Artifact file) {
    Path target = target(file);
    if (!Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    if (!isSame(file, target)) {
      throw new CommandFailedException(
          ExitStatus.USAGE,
          "--get: "
              + Plain.line(target.toString())
              + " is there already, and is not the file that the job has published; remove it, or"
              + " name another directory");
    }
    return true;
  }

  private boolean isSame(Artifact file, Path target) {
    try {
      return Files.isRegularFile(target, LinkOption.NOFOLLOW_LINKS)
          && file.bytes().orElse(Files.size(target)) == Files.size(target)
          && sha256(target).equalsIgnoreCase(file.sha256().orElseGet(() -> published(file)));
    } catch (IOException failure) {
      throw failed(target, failure);
    }
  }

  private static String sha256(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file, LinkOption.NOFOLLOW_LINKS)) {
      MessageDigest digest = sha256();
      in.transferTo(new DigestOutputStream(OutputStream.nullOutputStream(), digest));
      return HexFormat.of().formatHex(digest.digest());
    }
  }

  /** Returns the SHA-256 of a file for which the agent knows none. So the file is fetched again. */
  private String published(Artifact file) {
    LivingLine line = new LivingLine(around.console());
    try (InputStream in = agent.download(file.url())) {
      MessageDigest digest = sha256();
      copy(in, (_, _) -> {}, digest, file, line);
      return HexFormat.of().formatHex(digest.digest());
    } catch (IOException broken) {
      throw broken(broken);
    } finally {
      line.end();
    }
  }

  private void fetch(Artifact file) {
    LivingLine line = new LivingLine(around.console());
    try (InputStream in = agent.download(file.url());
        DraftFile draft = DraftFile.in(directory)) {
      MessageDigest digest = sha256();
      long bytes = copy(in, draft::write, digest, file, line);
      line.end();
      check(file, bytes, HexFormat.of().formatHex(digest.digest()));
      draft.keepAs(target(file));
    } catch (IOException broken) {
      throw broken(broken);
    } finally {
      line.end();
    }
  }

  private static CommandFailedException broken(IOException broken) {
    return new CommandFailedException(
        ExitStatus.UNREACHABLE,
        "the download broke; try again: " + Plain.line(String.valueOf(broken.getMessage())),
        broken);
  }

  private static CommandFailedException failed(Path path, IOException failure) {
    return new CommandFailedException(
        "--get: " + Plain.line(path.toString()) + ": " + FileFault.words(failure, path), failure);
  }

  /** Takes what comes, in parts. */
  private interface Sink {
    /** Takes the first bytes of a buffer. */
    void write(byte[] buffer, int length);
  }

  private static long copy(
      InputStream in, Sink sink, MessageDigest digest, Artifact file, LivingLine line)
      throws IOException {
    long done = 0;
    long shown = 0;
    byte[] buffer = new byte[BUFFER_BYTES];
    for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
      sink.write(buffer, read);
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
