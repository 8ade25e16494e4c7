package io.gpurunner.agent.ledger.disk;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.List;
import org.h2.store.fs.FilePath;

/**
 * The form of a snapshot: a file that holds all that a ledger keeps, up to some group.
 *
 * <pre>
 * Header (number 0) │ settled jobs … │ needed jobs … │ End (number 0) │ where End begins
 * </pre>
 *
 * Each job is a frame whose number is the job's sequence. Settled jobs are those that only queries
 * ask for; {@link JobRecord#isNeeded needed} ones come last, so that a start reads no other. The
 * last frame is empty, and its number is the position of the one before it: a file without it is
 * not whole. For one thread.
 */
final class Snapshot implements AutoCloseable {
  private static final int BUFFER_BYTES = 1 << 20;

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

  /**
   * The end of a file.
   *
   * @param newest the highest sequence of a job that there was
   * @param neededAt the position in the file of the first needed job
   */
  record End(long jobs, long liveJobs, long newest, long neededAt) {}

  /** Takes the frame of a job. */
  interface Reader {
    void read(Frame frame) throws IOException;
  }

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
   * Reads the jobs that only queries ask for.
   *
   * @throws IOException where one is damaged; others may have been read by then
   */
  void readSettled(Reader reader) throws IOException {
    read(beginsAt, end.neededAt(), reader);
  }

  /** The same of the jobs that must be in memory. */
  void readNeeded(Reader reader) throws IOException {
    read(end.neededAt(), endsAt, reader);
  }

  private void read(long from, long to, Reader reader) throws IOException {
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

  private Frame next(InputStream in) throws IOException {
    ByteBuffer beginning = ByteBuffer.wrap(in.readNBytes(Frame.HEADER_BYTES));
    int length = 0;
    if (beginning.limit() == Frame.HEADER_BYTES) {
      length = Frame.contentBytes(beginning).orElseThrow(this::damaged);
    }
    if (length > channel.size()) {
      throw damaged();
    }
    byte[] content = in.readNBytes(length);
    ByteBuffer whole = ByteBuffer.allocate(beginning.limit() + content.length);
    whole.put(beginning).put(content).flip();
    return Frame.at(whole, 0).orElseThrow(this::damaged);
  }

  private IOException damaged() {
    return new EOFException(file.getName() + " is damaged, or was cut short");
  }

  /** The job in a frame. */
  static JobRecord job(Frame frame) throws IOException {
    return JobCodec.read(frame.content(), JobRecord.class);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }

  /** A file that is being written. Needed jobs stay in memory until its end. For one thread. */
  static final class Writer implements AutoCloseable {
    private final FileChannel channel;
    private final OutputStream buffer;
    private final WritableByteChannel out;
    private final List<JobRecord> needed = new ArrayList<>();
    private long at;
    private long jobs;
    private long newest;

    /**
     * @param channel of an empty file, which the writer closes
     * @param newest the highest sequence of a job that there was before those that are written
     */
    Writer(FileChannel channel, Header header, long newest) throws IOException {
      this.channel = channel;
      this.newest = newest;
      this.buffer = new BufferedOutputStream(Channels.newOutputStream(channel), BUFFER_BYTES);
      this.out = Channels.newChannel(buffer);
      write(0, JobCodec.write(header));
    }

    private void write(long number, byte[] content) throws IOException {
      at += out.write(Frame.bytes(number, content));
    }

    void write(JobRecord job) throws IOException {
      if (job.isNeeded()) {
        needed.add(job);
      } else {
        writeJob(job);
      }
    }

    private void writeJob(JobRecord job) throws IOException {
      writeJob(job.job().sequence(), JobCodec.write(job));
    }

    /** Writes a settled job as another snapshot has it. */
    void writeSettled(Frame frame) throws IOException {
      writeJob(frame.number(), frame.content());
    }

    private void writeJob(long sequence, byte[] content) throws IOException {
      write(sequence, content);
      jobs++;
      newest = Math.max(newest, sequence);
    }

    /** Ends the file; returns once it is on disk. */
    End end() throws IOException {
      long neededAt = at;
      for (JobRecord job : needed) {
        writeJob(job);
      }
      long liveJobs = needed.stream().filter(JobRecord::isLive).count();
      End end = new End(jobs, liveJobs, newest, neededAt);
      long endsAt = at;
      write(0, JobCodec.write(end));
      write(endsAt, new byte[0]);
      buffer.flush();
      channel.force(true);
      return end;
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }
}
