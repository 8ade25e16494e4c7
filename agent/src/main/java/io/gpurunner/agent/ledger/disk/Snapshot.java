package io.gpurunner.agent.ledger.disk;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.util.EnumMap;
import java.util.Map;
import org.h2.store.fs.FilePath;

/**
 * The form of a snapshot: a file that holds all that a ledger keeps, up to some group.
 *
 * <pre>
 * Header (number 0) | settled jobs | owed jobs | live jobs | End (number 0) | where End begins
 * </pre>
 *
 * Each job is a frame whose number is the job's sequence. Those that decisions need come last, so
 * that a start reads no other. The last frame is empty, and its number is the position of the one
 * before it: a file without it is not whole. For one thread.
 */
final class Snapshot implements AutoCloseable {
  private static final int BUFFER_BYTES = 1 << 20;

  /** It is synced in pieces, because the journal's syncs wait for the one that goes on. */
  private static final int SYNC_BYTES = 1 << 20;

  private final FilePath file;
  private final FileChannel channel;
  private final long endsAt;
  private final Header header;
  private final End end;
  private final long beginsAt;

  /**
   * The beginning of a file.
   *
   * @param form the version of the form of what follows
   * @param ledger the name of the ledger
   * @param number the number of the last group that it holds
   */
  record Header(int form, String ledger, long number) {}

  /** A part of the jobs of a file. */
  enum Part {
    /** Only queries ask for it. */
    SETTLED,
    /** It has ended, and its callback is owed. */
    OWED,
    /** It has not ended. */
    LIVE;

    static Part of(JobRecord job) {
      if (job.isLive()) {
        return LIVE;
      }
      return job.isOwed() ? OWED : SETTLED;
    }
  }

  /**
   * The end of a file.
   *
   * @param newest the highest sequence of a job that there was
   * @param owedAt the position in the file of the first owed job
   * @param liveAt the same of the first live job
   */
  record End(long jobs, long liveJobs, long newest, long owedAt, long liveAt) {}

  private Snapshot(FilePath file, FileChannel channel) throws IOException {
    this.file = file;
    this.channel = channel;
    Frame beginning = frameAt(0);
    this.header = JobCodec.read(beginning.content(), Header.class);
    if (header.form() > Journal.FORM) {
      throw new IOException(
          file.getName() + " was written by a newer gpurunner: install that one again");
    }
    this.beginsAt = beginning.end();
    this.endsAt = frameAt(Math.max(0, channel.size() - Frame.HEADER_BYTES)).number();
    this.end = JobCodec.read(frameAt(endsAt).content(), End.class);
  }

  /**
   * Opens a file and reads its beginning and its end.
   *
   * @throws IOException where it is damaged, or not whole
   */
  static Snapshot open(FilePath file) throws IOException {
    FileChannel channel = file.open("r");
    try {
      return new Snapshot(file, channel);
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private Frame frameAt(long position) throws IOException {
    channel.position(position);
    return next(Channels.newInputStream(channel));
  }

  Header header() {
    return header;
  }

  End end() {
    return end;
  }

  /**
   * Reads a part of the jobs.
   *
   * @throws IOException where one is damaged; others may have been read by then
   */
  void read(Part part, Frame.Reader reader) throws IOException {
    switch (part) {
      case SETTLED -> read(beginsAt, end.owedAt(), reader);
      case OWED -> read(end.owedAt(), end.liveAt(), reader);
      case LIVE -> read(end.liveAt(), endsAt, reader);
    }
  }

  private void read(long from, long to, Frame.Reader reader) throws IOException {
    channel.position(from);
    // Not closed: the channel would be, too.
    InputStream in = new BufferedInputStream(Channels.newInputStream(channel), BUFFER_BYTES);
    long at = from;
    while (at < to) {
      Frame frame = next(in);
      at += frame.end();
      reader.read(frame);
    }
    if (at != to) {
      throw damaged();
    }
  }

  /** Reads all jobs, and writes them to another file. */
  void copyTo(Writer writer) throws IOException {
    for (Part part : Part.values()) {
      read(part, job -> writer.write(part, job));
    }
  }

  private Frame next(InputStream in) throws IOException {
    return Frame.next(in, channel.size()).orElseThrow(this::damaged);
  }

  private IOException damaged() {
    return new EOFException(file.getName() + " is damaged, or was cut short");
  }

  static Frame frame(JobRecord job) {
    return new Frame(job.job().sequence(), JobCodec.write(job));
  }

  /** The job in a frame. */
  static JobRecord job(Frame frame) throws IOException {
    return JobCodec.read(frame.content(), JobRecord.class);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }

  /** A file that is being written, one part after the other. For one thread. */
  static final class Writer implements AutoCloseable {
    private final FileChannel channel;
    private final OutputStream out;
    private final long newest;

    /** Where the parts begin that were begun, and how many jobs are in them. */
    private final Map<Part, Long> begun = new EnumMap<>(Part.class);

    private final Map<Part, Long> counts = new EnumMap<>(Part.class);
    private long at;
    private long syncedTo;

    /**
     * @param channel of an empty file, which the writer closes
     * @param newest the highest sequence of a job that there was
     */
    Writer(FileChannel channel, Header header, long newest) throws IOException {
      this.channel = channel;
      this.newest = newest;
      this.out = new BufferedOutputStream(Channels.newOutputStream(channel), BUFFER_BYTES);
      write(new Frame(0, JobCodec.write(header)));
    }

    private void write(Frame frame) throws IOException {
      frame.writeTo(out);
      at += Frame.HEADER_BYTES + frame.content().length;
      if (at - syncedTo > SYNC_BYTES) {
        sync();
      }
    }

    private void sync() throws IOException {
      out.flush();
      channel.force(true);
      syncedTo = at;
    }

    /** Writes a job of the part that is being written, or of one after it. */
    void write(JobRecord job) throws IOException {
      write(Part.of(job), frame(job));
    }

    /** The same of a job as another snapshot has it. */
    void write(Part part, Frame job) throws IOException {
      begin(part);
      write(job);
      counts.merge(part, 1L, Long::sum);
    }

    private void begin(Part part) {
      for (Part before : Part.values()) {
        if (before.compareTo(part) <= 0) {
          begun.putIfAbsent(before, at);
        } else if (begun.containsKey(before)) {
          throw new IllegalStateException(part + " after " + before);
        }
      }
    }

    /** Ends the file; returns once it is on disk. */
    End end() throws IOException {
      begin(Part.LIVE);
      long endsAt = at;
      End end =
          new End(
              counts.values().stream().mapToLong(count -> count).sum(),
              counts.getOrDefault(Part.LIVE, 0L),
              newest,
              begun.getOrDefault(Part.OWED, at),
              begun.getOrDefault(Part.LIVE, at));
      write(new Frame(0, JobCodec.write(end)));
      write(new Frame(endsAt, new byte[0]));
      sync();
      return end;
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }
}
