package io.gpurunner.agent.ledger;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import org.h2.store.fs.FilePath;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A small file beside the database that says how many commits the database held, at the least. H2
 * opens a file whose newest part is missing without a word, as it was some commits ago; with this,
 * that is found out. It is written after the sync of each commit and not synced itself: what it
 * says is never more than what is on disk. Not thread-safe.
 */
final class Witness implements AutoCloseable {
  private static final Pattern FORM =
      Pattern.compile("gpurunner ledger, commits: ([0-9]{1,19}) ([0-9a-f]{8})\n");

  /** One sector: a disk writes it whole or not at all. */
  private static final int LIMIT_BYTES = 512;

  private static final Logger log = LoggerFactory.getLogger(Witness.class);

  private final FilePath file;
  private final FileChannel channel;
  private boolean fails;

  private Witness(FilePath file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /**
   * Opens it for writing; returns once it says so many on disk.
   *
   * @param commits that are on disk
   */
  static Witness open(LedgerPlace place, long commits) throws IOException {
    FilePath file = place.witness();
    place.makePrivate(file);
    Witness witness = new Witness(file, file.open("rw"));
    try {
      witness.write(commits);
      witness.channel.force(true);
      return witness;
    } catch (IOException | RuntimeException e) {
      witness.close();
      throw e;
    }
  }

  /**
   * What a witness says; empty where there is none, or one that a power cut has left unreadable,
   * which proves nothing.
   */
  static OptionalLong read(FilePath file) throws IOException {
    if (!file.exists()) {
      return OptionalLong.empty();
    }
    ByteBuffer content = ByteBuffer.allocate(LIMIT_BYTES);
    try (FileChannel channel = file.open("r")) {
      channel.read(content, 0);
    }
    String text = new String(content.array(), 0, content.position(), StandardCharsets.US_ASCII);
    Matcher matcher = FORM.matcher(text);
    if (!matcher.lookingAt()) {
      return OptionalLong.empty();
    }
    long commits = Long.parseLong(matcher.group(1));
    return matcher.group(2).equals(sumOf(commits))
        ? OptionalLong.of(commits)
        : OptionalLong.empty();
  }

  private static String sumOf(long commits) {
    CRC32C sum = new CRC32C();
    sum.update(Long.toString(commits).getBytes(StandardCharsets.US_ASCII));
    return HexFormat.of().toHexDigits((int) sum.getValue());
  }

  /** To be called once so many commits are on disk. A failure is not one of the commit. */
  void write(long commits) {
    String text = "gpurunner ledger, commits: %d %s\n".formatted(commits, sumOf(commits));
    try {
      channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII)), 0);
      fails = false;
    } catch (IOException e) {
      if (!fails) {
        log.warn("{} cannot be written: {}", file, e.getMessage());
      }
      fails = true;
    }
  }

  @Override
  public void close() {
    LedgerPlace.close(file, channel);
  }
}
