package io.gpurunner.agent.ledger;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;
import org.h2.store.fs.FilePath;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The groups of commits since the database was last written: a file of fixed length beside it, from
 * whose start they are written, one record each, synced before anybody is told. Once the database
 * is written and synced, the next record is again the first. docs/adr/009 says more.
 *
 * <p>A record is, big-endian: the text {@code GRJ1}, the length of its content in bytes (4), the
 * number of the group (8), the CRC-32C of number and content (4), then the content: JSON, a list of
 * {@link RowChange}. Records are read as far as they are whole and their numbers follow each other:
 * what a cut has torn, and what is left of earlier rounds, is not. A record is written only once
 * the one before it is on disk, so a cut tears none but the newest: where a whole one with a later
 * number is anywhere behind, what ends the sequence is damage. For one thread.
 */
final class LedgerJournal implements AutoCloseable {
  /** Some 500 jobs created, which a start may have to execute again. */
  static final int BYTES = 1 << 20;

  private static final int MAGIC = 0x47524a31;
  private static final int LENGTH_AT = 4;
  private static final int NUMBER_AT = 8;
  private static final int SUM_AT = 16;
  private static final int HEADER_BYTES = 20;

  private static final JsonMapper MAPPER = new JsonMapper();
  private static final TypeReference<List<RowChange>> CHANGES = new TypeReference<>() {};

  private static final Logger log = LoggerFactory.getLogger(LedgerJournal.class);

  private final FilePath file;
  private final FileChannel channel;
  private final long end;
  private long at;

  /** What one record says. */
  record Group(long number, List<RowChange> changes) {}

  /**
   * What is in a journal.
   *
   * @param groups from its start, as far as they are whole and follow each other
   * @param newest the highest number of any record that is whole, wherever it is; 0 where none is
   */
  record Content(FilePath file, List<Group> groups, long newest) {}

  private LedgerJournal(FilePath file, FileChannel channel, long end) {
    this.file = file;
    this.channel = channel;
    this.end = end;
  }

  /**
   * Opens it for writing; what it says must be in the database by now, synced. Where it is not as
   * long as it should be, or cannot be written, it is made anew; where the disk has no room for
   * that, it takes no record.
   */
  static LedgerJournal open(LedgerPlace place, int bytes) throws IOException {
    FilePath file = place.journal();
    if (file.size() != bytes || !isEmptied(file)) {
      makeAnew(place, bytes);
    }
    place.makePrivate(file);
    return new LedgerJournal(file, file.open("rw"), file.size());
  }

  /** Whether its start, where the next record goes, can be written. */
  private static boolean isEmptied(FilePath file) {
    try (FileChannel channel = file.open("rw")) {
      channel.write(ByteBuffer.allocate((int) Math.min(HEADER_BYTES, channel.size())), 0);
      channel.force(false);
      return true;
    } catch (IOException e) {
      log.warn("{} cannot be written, so it is made anew: {}", file, e.getMessage());
      return false;
    }
  }

  private static void makeAnew(LedgerPlace place, int bytes) throws IOException {
    FilePath file = place.journal();
    FilePath next = FilePath.get(file + ".next");
    LedgerPlace.delete(next);
    try {
      place.makePrivate(next);
      try (FileChannel channel = next.open("rw")) {
        ByteBuffer zeroes = ByteBuffer.allocate(bytes);
        while (zeroes.hasRemaining()) {
          channel.write(zeroes, zeroes.position());
        }
        channel.force(true);
      }
      place.move(next, file);
    } catch (IOException e) {
      log.warn("{} cannot be made, commits take longer without: {}", file, e.getMessage());
      LedgerPlace.delete(next);
      LedgerPlace.delete(file);
    }
  }

  /**
   * Adds a group, and returns once it is on disk.
   *
   * @return false where there is no room for it; then nothing was written
   */
  boolean append(long number, List<RowChange> changes) throws IOException {
    if (leastBytes(changes) > end - at) { // which may be too much to write out in memory first
      return false;
    }
    byte[] content = MAPPER.writeValueAsBytes(changes);
    if (at + HEADER_BYTES + content.length > end) {
      return false;
    }
    ByteBuffer record = ByteBuffer.allocate(HEADER_BYTES + content.length);
    record.putInt(MAGIC).putInt(content.length).putLong(number).putInt(sumOf(number, content));
    record.put(content).flip();
    while (record.hasRemaining()) {
      channel.write(record, at + record.position());
    }
    channel.force(false); // its length stays
    at += record.limit();
    return true;
  }

  /** Of its texts alone. */
  private static long leastBytes(List<RowChange> changes) {
    return changes.stream()
        .flatMap(change -> change.values().stream())
        .mapToLong(value -> value instanceof String text ? text.length() : 0)
        .sum();
  }

  private static int sumOf(long number, byte[] content) {
    CRC32C sum = new CRC32C();
    sum.update(ByteBuffer.allocate(Long.BYTES).putLong(number).flip());
    sum.update(content);
    return (int) sum.getValue();
  }

  /** Whether it was made, at that length. */
  boolean isOf(int bytes) {
    return end == bytes;
  }

  /** Whether the database lacks nothing of what was added. */
  boolean isSpent() {
    return at == 0;
  }

  /** The database has everything, synced: the next record is the first. */
  void spend() {
    at = 0;
  }

  /** What a journal says; nothing where there is none. */
  static List<Group> read(FilePath file) throws IOException {
    return content(file).groups;
  }

  /** The same, and what else is in it. */
  static Content content(FilePath file) throws IOException {
    ByteBuffer bytes = bytesOf(file);
    List<Group> groups = new ArrayList<>();
    boolean follows = true;
    long newest = 0;
    int at = 0;
    while (at + HEADER_BYTES <= bytes.limit()) {
      if (!isWholeAt(bytes, at)) {
        follows = false;
        at++;
        continue;
      }
      int length = bytes.getInt(at + LENGTH_AT);
      long number = bytes.getLong(at + NUMBER_AT);
      follows &= groups.isEmpty() || number == groups.getLast().number + 1;
      if (follows) {
        groups.add(new Group(number, MAPPER.readValue(jsonAt(bytes, at, length), CHANGES)));
      }
      newest = Math.max(newest, number);
      at += HEADER_BYTES + length;
    }
    return new Content(file, groups, newest);
  }

  private static ByteBuffer bytesOf(FilePath file) throws IOException {
    if (!file.exists()) {
      return ByteBuffer.allocate(0);
    }
    ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(Math.min(file.size(), 64 * BYTES)));
    try (FileChannel channel = file.open("r")) {
      while (bytes.hasRemaining() && channel.read(bytes, bytes.position()) > 0) {
        // until all is there
      }
    } catch (IOException e) {
      IOException named = new IOException(file + ": " + e.getMessage());
      named.addSuppressed(e); // no cause: what is told of a ledger is the cause's message alone
      throw named;
    }
    return bytes.flip();
  }

  private static boolean isWholeAt(ByteBuffer bytes, int at) {
    if (bytes.getInt(at) != MAGIC) {
      return false;
    }
    int length = bytes.getInt(at + LENGTH_AT);
    return length >= 0
        && length <= bytes.limit() - at - HEADER_BYTES
        && sumOf(bytes.getLong(at + NUMBER_AT), jsonAt(bytes, at, length))
            == bytes.getInt(at + SUM_AT);
  }

  private static byte[] jsonAt(ByteBuffer bytes, int at, int length) {
    byte[] json = new byte[length];
    bytes.get(at + HEADER_BYTES, json);
    return json;
  }

  /** The number of the last group that is there, of a database that holds so many, and these. */
  static long endOf(List<Group> groups, long commits) {
    boolean follow = !groups.isEmpty() && groups.getFirst().number <= commits + 1;
    return follow ? Math.max(commits, groups.getLast().number) : commits;
  }

  /**
   * Executes what a database lacks of a journal's groups, each in a transaction of its own, which
   * is not synced.
   *
   * @param commits how many groups the database holds
   * @return how many it holds now
   * @throws LedgerException FAILED where some between are nowhere
   */
  static long replay(Content journal, Connection connection, long commits) throws SQLException {
    long held = commits;
    connection.setAutoCommit(false);
    RowWriter rows = new RowWriter(connection);
    for (Group group : journal.groups) {
      if (group.number > held + 1) {
        throw new LedgerException(
            LedgerException.Kind.FAILED,
            "the commits "
                + (held + 1)
                + " to "
                + (group.number - 1)
                + " are neither in it nor in its journal");
      }
      if (group.number == held + 1) {
        group.changes.forEach(change -> rows.change(change.sql(), change.values().toArray()));
        LedgerSchema.countCommits(rows, group.number);
        connection.commit();
        held = group.number;
      }
    }
    if (journal.newest > held + 1) {
      throw new LedgerException(
          LedgerException.Kind.FAILED,
          "commit "
              + (held + 1)
              + " is not in it, and damaged in "
              + journal.file
              + ", which has commit "
              + journal.newest
              + " behind it");
    }
    return held;
  }

  @Override
  public void close() {
    LedgerPlace.close(file, channel);
  }
}
