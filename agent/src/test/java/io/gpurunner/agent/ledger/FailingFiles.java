package io.gpurunner.agent.ledger;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.h2.message.DbException;
import org.h2.store.fs.FileBaseDefault;
import org.h2.store.fs.FilePath;
import org.h2.store.fs.FilePathWrapper;

/**
 * Files of this machine's disks, with their locks, whose syncs, or the reading of whose
 * directories, fail when a test wants it: {@code failing:file:/path}. One test at a time.
 */
public final class FailingFiles extends FilePathWrapper {
  static final String SCHEME = "failing";

  private static final AtomicInteger passing = new AtomicInteger(Integer.MAX_VALUE);

  static {
    FilePath.register(new FailingFiles());
  }

  /** For H2. */
  public FailingFiles() {}

  private static final AtomicBoolean listing = new AtomicBoolean(true);

  /** No directory can be read. */
  static void failListing() {
    listing.set(false);
  }

  /** So many syncs pass, and the one after them fails. */
  static void failSyncAfter(int syncs) {
    passing.set(syncs);
  }

  /** All pass. */
  static void heal() {
    passing.set(Integer.MAX_VALUE);
    listing.set(true);
  }

  /** Whether one has failed, or none will. */
  static boolean isOver() {
    return passing.get() < 0 || passing.get() > Integer.MAX_VALUE / 2;
  }

  @Override
  public String getScheme() {
    return SCHEME;
  }

  @Override
  public List<FilePath> newDirectoryStream() {
    if (!listing.get()) {
      throw DbException.convertIOException(new IOException("Input/output error"), name);
    }
    return super.newDirectoryStream();
  }

  @Override
  public FileChannel open(String mode) throws IOException {
    return new FailingFile(super.open(mode));
  }

  private static final class FailingFile extends FileBaseDefault {
    private final FileChannel base;

    FailingFile(FileChannel base) {
      this.base = base;
    }

    @Override
    public void force(boolean metaData) throws IOException {
      if (passing.getAndDecrement() == 0) {
        throw new IOException("Input/output error");
      }
      base.force(metaData);
    }

    @Override
    public synchronized int read(ByteBuffer target, long position) throws IOException {
      return base.read(target, position);
    }

    @Override
    public synchronized int write(ByteBuffer source, long position) throws IOException {
      return base.write(source, position);
    }

    @Override
    protected void implTruncate(long bytes) throws IOException {
      base.truncate(bytes);
    }

    @Override
    public long size() throws IOException {
      return base.size();
    }

    @Override
    public FileLock tryLock(long position, long bytes, boolean shared) throws IOException {
      return base.tryLock(position, bytes, shared);
    }

    @Override
    protected void implCloseChannel() throws IOException {
      base.close();
    }
  }
}
