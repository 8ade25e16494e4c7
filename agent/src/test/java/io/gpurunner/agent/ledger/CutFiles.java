package io.gpurunner.agent.ledger;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.List;
import org.h2.store.fs.FakeFileChannel;
import org.h2.store.fs.FileBaseDefault;
import org.h2.store.fs.FilePath;
import org.jspecify.annotations.Nullable;

/** The files of a {@link CutDisk} as H2 sees them: {@code cut:/number/name}. */
final class CutFiles extends FilePath {
  private static final String PREFIX = CutDisk.SCHEME + ":";

  @Override
  public FilePath getPath(String path) {
    CutFiles file = new CutFiles();
    file.name = path;
    return file;
  }

  private CutDisk disk() {
    String path = name.substring(PREFIX.length() + 1);
    int slash = path.indexOf('/');
    return CutDisk.of(slash < 0 ? path : path.substring(0, slash));
  }

  /** Within the disk; empty for its root. */
  private String inDisk() {
    String path = name.substring(PREFIX.length() + 1);
    int slash = path.indexOf('/');
    return slash < 0 ? "" : path.substring(slash + 1);
  }

  @Override
  public long size() {
    return disk().find(inDisk()).map(file -> (long) disk().length(file)).orElse(0L);
  }

  @Override
  public void moveTo(FilePath target, boolean atomicReplace) {
    disk().rename(inDisk(), ((CutFiles) target).inDisk());
  }

  @Override
  public boolean createFile() {
    if (exists()) {
      return false;
    }
    disk().create(inDisk());
    return true;
  }

  @Override
  public boolean exists() {
    return isRegularFile() || isDirectory();
  }

  @Override
  public void delete() {
    disk().remove(inDisk());
  }

  @Override
  public List<FilePath> newDirectoryStream() {
    String root = name.substring(0, name.length() - inDisk().length());
    String base = root.endsWith("/") ? root : root + "/";
    List<FilePath> entries = new ArrayList<>(); // H2 changes it
    disk().entries(inDisk()).forEach(entry -> entries.add(getPath(base + entry)));
    return entries;
  }

  @Override
  public FilePath toRealPath() {
    return this;
  }

  @Override
  public FilePath getParent() {
    return getPath(name.substring(0, name.lastIndexOf('/')));
  }

  @Override
  public boolean isDirectory() {
    return disk().isDirectory(inDisk());
  }

  @Override
  public boolean isRegularFile() {
    return disk().find(inDisk()).isPresent();
  }

  @Override
  public boolean isAbsolute() {
    return true;
  }

  @Override
  public long lastModified() {
    return 0;
  }

  @Override
  public boolean canWrite() {
    return true;
  }

  @Override
  public void createDirectory() {
    disk().makeDirectory(inDisk());
  }

  @Override
  public FileChannel open(String mode) throws IOException {
    CutDisk disk = disk();
    if (isDirectory()) {
      return new DirectoryChannel(disk);
    }
    if (!exists() && mode.equals("r")) {
      throw new NoSuchFileException(name);
    }
    return new CutChannel(disk, disk.find(inDisk()).orElseGet(() -> disk.create(inDisk())));
  }

  @Override
  public boolean setReadOnly() {
    return false;
  }

  @Override
  public String getScheme() {
    return CutDisk.SCHEME;
  }

  /** What remains of a directory that is opened: it can be synced. */
  private static final class DirectoryChannel extends FakeDirectory {
    private final CutDisk disk;

    DirectoryChannel(CutDisk disk) {
      this.disk = disk;
    }

    @Override
    public void force(boolean metaData) throws IOException {
      disk.syncNames();
    }
  }

  private abstract static class FakeDirectory extends FileBaseDefault {
    @Override
    public long size() {
      return 0;
    }

    @Override
    protected void implTruncate(long bytes) throws IOException {
      throw new IOException("is a directory");
    }
  }

  private static final class CutChannel extends FileBaseDefault {
    private final CutDisk disk;
    private final CutDisk.Inode file;

    CutChannel(CutDisk disk, CutDisk.Inode file) {
      this.disk = disk;
      this.file = file;
    }

    @Override
    public long size() {
      return disk.length(file);
    }

    @Override
    public synchronized int read(ByteBuffer target, long position) {
      byte[] bytes = new byte[target.remaining()];
      int count = disk.read(file, Math.toIntExact(position), bytes);
      if (count > 0) {
        target.put(bytes, 0, count);
      }
      return count;
    }

    @Override
    public synchronized int write(ByteBuffer source, long position) {
      byte[] bytes = new byte[source.remaining()];
      source.get(bytes);
      disk.write(file, Math.toIntExact(position), bytes);
      return bytes.length;
    }

    @Override
    protected void implTruncate(long bytes) {
      disk.truncate(file, Math.toIntExact(bytes));
    }

    @Override
    public void force(boolean metaData) throws IOException {
      disk.sync(file);
    }

    @Override
    public @Nullable FileLock tryLock(long position, long bytes, boolean shared) {
      return new FileLock(FakeFileChannel.INSTANCE, position, bytes, shared) {
        @Override
        public boolean isValid() {
          return true;
        }

        @Override
        public void release() {}
      };
    }
  }
}
