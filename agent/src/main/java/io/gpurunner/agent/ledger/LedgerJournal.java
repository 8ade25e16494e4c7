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
 * what a cut has torn, and what is left of earlier rounds, is not. For one thread.
 */
final class LedgerJournal implements AutoCloseable {
  /** Some 500 jobs created, which a start may have to execute again. */
  static final int BYTES = 1 << 20;

  private static final int MAGIC = 0x47524a31;
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

  private static int sumOf(long number, byte[] content) {
    CRC32C sum = new CRC32C();
    sum.update(ByteBuffer.allocate(Long.BYTES).putLong(number).flip());
    sum.update(content);
    return (int) sum.getValue();
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
    List<Group> groups = new ArrayList<>();
    if (!file.exists()) {
      return groups;
    }
    ByteBuffer content = ByteBuffer.allocate(Math.toIntExact(Math.min(file.size(), 64 * BYTES)));
    try (FileChannel channel = file.open("r")) {
      while (content.hasRemaining() && channel.read(content, content.position()) > 0) {
        // until all is there
      }
    }
    content.flip();
    while (content.remaining() >= HEADER_BYTES && content.getInt() == MAGIC) {
      int length = content.getInt();
      long number = content.getLong();
      int sum = content.getInt();
      boolean follows = groups.isEmpty() || number == groups.getLast().number + 1;
      if (!follows || length < 0 || length > content.remaining()) {
        break;
      }
      byte[] json = new byte[length];
      content.get(json);
      if (sumOf(number, json) != sum) {
        break;
      }
      groups.add(new Group(number, MAPPER.readValue(json, CHANGES)));
    }
    return groups;
  }

  /** The number of the last group that is there, of a database that holds so many, and these. */
  static long endOf(List<Group> groups, long commits) {
    boolean follow = !groups.isEmpty() && groups.getFirst().number <= commits + 1;
    return follow ? Math.max(commits, groups.getLast().number) : commits;
  }

  /**
   * Executes what a database lacks of some groups, each in a transaction of its own, which is not
   * synced.
   *
   * @param commits how many groups the database holds
   * @return how many it holds now
   * @throws LedgerException FAILED where some between are nowhere
   */
  static long replay(List<Group> groups, Connection connection, long commits) throws SQLException {
    long held = commits;
    connection.setAutoCommit(false);
    RowWriter rows = new RowWriter(connection);
    for (Group group : groups) {
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
    return held;
  }

  @Override
  public void close() {
    LedgerPlace.close(file, channel);
  }
}
