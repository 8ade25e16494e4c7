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
import org.h2.store.fs.FilePath;

/**
 * The form of a snapshot: a file that holds all that a ledger keeps, up to some group. It begins
 * with a frame of number 0 that says what it is. Then comes a frame for each job, numbered by the
 * sequences of the jobs, which rise. The last frame has number 0 again and says how many jobs there
 * are: a file without it is not whole. Stateless.
 */
final class Snapshot {
  private static final int BUFFER_BYTES = 1 << 20;

  private Snapshot() {}

  /**
   * The beginning of a file.
   *
   * @param form the version of the form of what follows
   * @param ledger the name of the ledger
   * @param number the number of the last group that it holds
   */
  record Header(int form, String ledger, long number) {}

  /** The end of a file. */
  record End(long jobs, long liveJobs) {}

  /** Takes a job. */
  interface Reader {
    void read(JobRecord job) throws IOException;
  }

  /** Reads the beginning of a file. */
  static Header header(FilePath file) throws IOException {
    try (InputStream in = open(file)) {
      return header(file, in);
    }
  }

  private static InputStream open(FilePath file) throws IOException {
    return new BufferedInputStream(Channels.newInputStream(file.open("r")), BUFFER_BYTES);
  }

  private static Header header(FilePath file, InputStream in) throws IOException {
    Header header = JobCodec.read(next(file, in).content(), Header.class);
    if (header.form() > Journal.FORM) {
      throw new IOException(
          file.getName() + " was written by a newer gpurunner: install that one again");
    }
    return header;
  }

  /**
   * Reads all jobs of a file.
   *
   * @throws IOException where it is damaged, or not whole; jobs may have been read by then
   */
  static End read(FilePath file, Reader reader) throws IOException {
    try (InputStream in = open(file)) {
      header(file, in);
      long jobs = 0;
      Frame frame = next(file, in);
      for (long before = 0; frame.number() > before; frame = next(file, in)) {
        before = frame.number();
        reader.read(JobCodec.read(frame.content(), JobRecord.class));
        jobs++;
      }
      End end = JobCodec.read(frame.content(), End.class);
      if (frame.number() != 0 || end.jobs() != jobs) {
        throw damaged(file);
      }
      return end;
    }
  }

  private static Frame next(FilePath file, InputStream in) throws IOException {
    ByteBuffer header = ByteBuffer.wrap(in.readNBytes(Frame.HEADER_BYTES));
    int length = 0;
    if (header.limit() == Frame.HEADER_BYTES) {
      length = Frame.contentBytes(header).orElseThrow(() -> damaged(file));
    }
    if (length > file.size()) {
      throw damaged(file);
    }
    byte[] content = in.readNBytes(length);
    ByteBuffer whole = ByteBuffer.allocate(header.limit() + content.length);
    whole.put(header).put(content).flip();
    return Frame.at(whole, 0).orElseThrow(() -> damaged(file));
  }

  private static IOException damaged(FilePath file) {
    return new EOFException(file.getName() + " is damaged, or was cut short");
  }

  /** A file that is being written. For one thread. */
  static final class Writer implements AutoCloseable {
    private final FileChannel channel;
    private final OutputStream out;
    private long jobs;
    private long liveJobs;

    /**
     * @param channel of an empty file, which the writer closes
     */
    Writer(FileChannel channel, Header header) throws IOException {
      this.channel = channel;
      this.out = new BufferedOutputStream(Channels.newOutputStream(channel), BUFFER_BYTES);
      write(0, header);
    }

    private void write(long number, Object content) throws IOException {
      ByteBuffer frame = Frame.bytes(number, JobCodec.write(content));
      out.write(frame.array(), 0, frame.limit());
    }

    void write(JobRecord job) throws IOException {
      write(job.job().sequence(), job);
      jobs++;
      liveJobs += job.isLive() ? 1 : 0;
    }

    /** Ends the file; returns once it is on disk. */
    End end() throws IOException {
      End end = new End(jobs, liveJobs);
      write(0, end);
      out.flush();
      channel.force(true);
      return end;
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }
}
