package io.gpurunner.agent.ledger;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.h2.store.fs.FilePath;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/**
 * Copies a ledger as it is at some instant, also one that an agent is writing, in this process or
 * another: the file is only ever appended to, so what is in its first so many bytes stays. What is
 * copied is then read as a whole, written compact, and read as a start would before it gets its
 * name. Nothing waits for it. Stateless.
 */
final class LedgerCopy {
  /** Ends the name of the directory that a copy is made in. */
  static final String UNFINISHED = ".part";

  private static final JobRows ROWS = new JobRows();
  private static final int BUFFER_BYTES = 1 << 20;

  /** The header is rewritten in place, and an agent that ends cuts the end of its file off. */
  private static final int ATTEMPT_LIMIT = 3;

  private LedgerCopy() {}

  /**
   * What a copy holds.
   *
   * @param live jobs that have not ended
   */
  record Content(long bytes, long jobs, long live, long commits) {}

  /**
   * @param target must not be there
   * @throws LedgerException FAILED naming the file and what was wrong
   */
  static Content make(LedgerPlace from, FilePath target) {
    // What H2 makes in it is for its owner alone.
    FilePath directory = FilePath.get(target + UNFINISHED);
    LedgerPlace part = LedgerPlace.named(from.scheme(), directory + "/ledger");
    try {
      from.makePrivateDirectory(directory);
      OptionalLong seen = Witness.read(from.witness());
      for (int attempt = 1; ; attempt++) {
        try {
          Content content = write(from, part, seen);
          part.makePrivate();
          part.moveTo(target);
          LedgerPlace.delete(directory);
          return content;
        } catch (IOException | SQLException | RuntimeException e) { // of H2, of any kind
          part.delete();
          if (attempt == ATTEMPT_LIMIT) {
            LedgerPlace.delete(directory);
            throw e;
          }
        }
      }
    } catch (IOException | SQLException | RuntimeException e) {
      throw new LedgerException(
          LedgerException.Kind.FAILED,
          "the ledger "
              + from.path()
              + " could not be copied to "
              + target
              + ": "
              + LedgerException.rootOf(e).getMessage(),
          e);
    }
  }

  private static Content write(LedgerPlace from, LedgerPlace part, OptionalLong seen)
      throws IOException, SQLException {
    LedgerPlace raw = part.next();
    try {
      raw.delete();
      part.delete();
      // The journal first: what it no longer says is in the file by then.
      LedgerJournal.Content journal = LedgerJournal.content(from.journal());
      copy(from.file(), raw.file());
      LedgerSchema.compact(raw, part);
      complete(part, journal);
    } finally {
      raw.delete();
    }
    Content content = look(part);
    if (seen.isPresent() && content.commits < seen.getAsLong()) {
      throw new IOException(
          "it holds "
              + content.commits
              + " commits, and "
              + from.witness()
              + " has seen "
              + seen.getAsLong());
    }
    return content;
  }

  private static void complete(LedgerPlace part, LedgerJournal.Content journal)
      throws SQLException {
    if (journal.newest() == 0) {
      return;
    }
    try (Connection connection = LedgerSchema.source(part, ";IFEXISTS=TRUE").getConnection()) {
      int version = LedgerSchema.versionOf(connection).orElse(0);
      LedgerJournal.replay(journal, connection, LedgerSchema.commits(connection, version));
    }
  }

  private static void copy(FilePath from, FilePath to) throws IOException {
    try (FileChannel source = from.open("r");
        FileChannel target = to.open("rw")) {
      // The header first: what it names is in the file by then.
      ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
      long end = Long.MAX_VALUE;
      for (long at = 0; at < end; at += buffer.position()) {
        buffer.clear();
        if (source.read(buffer, at) <= 0) {
          break;
        }
        if (at == 0) {
          end = source.size();
        }
        ByteBuffer read = buffer.duplicate().flip();
        while (read.hasRemaining()) {
          target.write(read, at + read.position());
        }
      }
    }
  }

  /**
   * What is in a ledger that nobody has open, and that an agent would start with.
   *
   * @throws LedgerException FAILED where it is none
   */
  static Content look(LedgerPlace place) throws SQLException {
    try (Connection connection = LedgerSchema.readOnly(place)) {
      OptionalInt version = LedgerSchema.versionOf(connection);
      if (version.isEmpty()) {
        throw new LedgerException(LedgerException.Kind.FAILED, place.path() + " is no ledger");
      }
      long jobs = LedgerSchema.number(connection, "select count(*) from job");
      long commits = LedgerSchema.commits(connection, version.getAsInt());
      Handle handle = Jdbi.open(connection);
      List<Long> live = ROWS.liveSequences(handle);
      LiveJobs.requireLeases(ROWS.leases(handle), ROWS.devicesOf(handle, live));
      return new Content(place.bytes(), jobs, live.size(), commits);
    }
  }
}
