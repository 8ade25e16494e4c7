package io.gpurunner.agent.ledger.disk;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.h2.store.fs.FilePath;

/**
 * A file of the journal, of constant length. It begins with a frame of number 0, which names the
 * ledger and the number of the first group. Then comes a frame for each group; their numbers follow
 * one another. A segment that was closed ends with a frame of number 0. If that frame is there, a
 * group that is not whole was damaged later, and not torn by a power cut. For one thread.
 */
final class Segment implements AutoCloseable {
  static final String PREFIX = "journal-";
  private static final int BUFFER_BYTES = 64 << 10;

  private final FileChannel channel;
  private final long bytes;
  private long end;

  /**
   * What is at the beginning of a file.
   *
   * @param form the version of the form of what follows
   * @param ledger a random name that no other ledger has
   * @param first the number of the first group
   * @param bytes the length of the file
   */
  record Header(int form, String ledger, long first, long bytes) {}

  /**
   * What a file of the journal holds.
   *
   * @param groups as far as they are whole and follow one another
   * @param end the position where the next one would begin
   * @param damaged the number of a group that is not whole although a later one is: a power cut
   *     tears only what was written last
   */
  record Content(Header header, List<Frame> groups, int end, OptionalLong damaged) {
    /** The number of the last group; one less than that of the first where there is none. */
    long last() {
      return header.first() + groups.size() - 1;
    }
  }

  private Segment(FileChannel channel, long bytes, long end) {
    this.channel = channel;
    this.bytes = bytes;
    this.end = end;
  }

  static String name(long first) {
    return PREFIX + String.format("%016d", first);
  }

  /** Reads a file; throws where it does not begin as one of the journal. */
  static Content read(LedgerPlace place, FilePath file) throws IOException {
    ByteBuffer bytes = place.read(file);
    Frame frame =
        Frame.at(bytes, 0)
            .filter(first -> first.number() == 0)
            .orElseThrow(() -> new IOException(file.getName() + " has no whole beginning"));
    Header header = header(file, frame);
    if (header.bytes() > bytes.limit()) {
      throw new IOException(file.getName() + " is damaged: it was cut short");
    }
    List<Frame> groups = new ArrayList<>();
    int at = (int) frame.end();
    long next = header.first();
    while (true) {
      long wanted = next;
      Frame group = Frame.at(bytes, at).filter(found -> found.number() == wanted).orElse(null);
      if (group == null) {
        break;
      }
      groups.add(group);
      at = (int) group.end();
      next++;
    }
    boolean closed = Frame.at(bytes, at).filter(end -> end.number() == 0).isPresent();
    OptionalLong damaged =
        !closed && Frame.isAnyFrom(bytes, at) ? OptionalLong.of(next) : OptionalLong.empty();
    return new Content(header, groups, at, damaged);
  }

  private static Header header(FilePath file, Frame frame) throws IOException {
    Header header = JobCodec.read(frame.content(), Header.class);
    if (header.form() > Journal.FORM) {
      throw new IOException(file.getName() + " was written by a newer gpurunner: install that one");
    }
    return header;
  }

  /** Reads the groups of a file as far as they are whole and follow one another. */
  static void forEach(FilePath file, Frame.Reader reader) throws IOException {
    try (InputStream in =
        new BufferedInputStream(Channels.newInputStream(file.open("r")), BUFFER_BYTES)) {
      long limit = file.size();
      Optional<Frame> frame = Frame.next(in, limit).filter(first -> first.number() == 0);
      if (frame.isEmpty()) {
        return;
      }
      long next = header(file, frame.get()).first();
      while (true) {
        long wanted = next;
        frame = Frame.next(in, limit).filter(group -> group.number() == wanted);
        if (frame.isEmpty()) {
          return;
        }
        reader.read(frame.get());
        next++;
      }
    }
  }

  /**
   * Makes an empty file for groups to come, filled with zeroes, so that writing to it later changes
   * neither its length nor where it lies. Returns once it is on disk.
   */
  static void fill(LedgerPlace place, FilePath file, int bytes) throws IOException {
    try (FileChannel channel = place.create(file)) {
      ByteBuffer zeroes = ByteBuffer.allocate(BUFFER_BYTES);
      for (int at = 0; at < bytes; at += BUFFER_BYTES) {
        LedgerPlace.write(channel, zeroes.clear().limit(Math.min(BUFFER_BYTES, bytes - at)), at);
      }
      channel.force(true);
    }
  }

  /** Writes the beginning of a file that {@link #fill} made. It is not synced. */
  static Segment begin(FilePath file, Header header) throws IOException {
    FileChannel channel = file.open("rw");
    ByteBuffer beginning = Frame.bytes(0, JobCodec.write(header));
    long end = beginning.remaining();
    LedgerPlace.write(channel, beginning, 0);
    return new Segment(channel, channel.size(), end);
  }

  /** Whether there is room for a frame of so many bytes. */
  boolean hasRoom(int frameBytes) {
    return end + frameBytes <= bytes;
  }

  /** Adds a group; it is not on disk before the next {@link #sync}. */
  void append(ByteBuffer frame) throws IOException {
    int length = frame.remaining();
    LedgerPlace.write(channel, frame, end);
    end += length;
  }

  /** The frame that ends a segment. */
  static ByteBuffer end() {
    return Frame.bytes(0, new byte[0]);
  }

  void sync() throws IOException {
    channel.force(false); // its length stays
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
