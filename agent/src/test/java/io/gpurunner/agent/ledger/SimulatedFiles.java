package io.gpurunner.agent.ledger;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.h2.store.fs.FakeFileChannel;
import org.h2.store.fs.FileBaseDefault;
import org.h2.store.fs.FilePath;
import org.h2.store.fs.FilePathWrapper;

/**
 * Files in memory for the simulation, {@code simulated:memFS:/number/name}: something may happen
 * round each sync of the journal. A lock is never held by anybody.
 */
public final class SimulatedFiles extends FilePathWrapper {
  static final String SCHEME = "simulated";

  private static final Map<String, Syncs> syncs = new ConcurrentHashMap<>();

  static {
    FilePath.register(new SimulatedFiles());
  }

  /** For H2. */
  public SimulatedFiles() {}

  /** What happens round a sync. */
  interface Syncs {
    /** Nothing. */
    Syncs NONE =
        new Syncs() {
          @Override
          public void before() {}

          @Override
          public void after() {}
        };

    void before() throws IOException;

    void after() throws IOException;
  }

  /** From now on this happens in the directory of that number. */
  static void set(int number, Syncs happening) {
    syncs.put(String.valueOf(number), happening);
  }

  /** Nobody uses the directory any more. */
  static void forget(int number) {
    syncs.remove(String.valueOf(number));
  }

  @Override
  public String getScheme() {
    return SCHEME;
  }

  @Override
  public FileChannel open(String mode) throws IOException {
    // A directory can be synced, and nothing else.
    FileChannel base = isDirectory() ? FakeFileChannel.INSTANCE : super.open(mode);
    return new SimulatedFile(base, happening());
  }

  private Syncs happening() {
    String[] parts = name.split("/", -1);
    boolean journal = getName().startsWith("journal-") || getName().equals("spare");
    return journal && parts.length > 1
        ? new Syncs() {
          @Override
          public void before() throws IOException {
            syncs.getOrDefault(parts[1], Syncs.NONE).before();
          }

          @Override
          public void after() throws IOException {
            syncs.getOrDefault(parts[1], Syncs.NONE).after();
          }
        }
        : Syncs.NONE;
  }

  private static final class SimulatedFile extends FileBaseDefault {
    private final FileChannel base;
    private final Syncs happening;

    SimulatedFile(FileChannel base, Syncs happening) {
      this.base = base;
      this.happening = happening;
    }

    @Override
    public void force(boolean metaData) throws IOException {
      happening.before();
      if (!(base instanceof FakeFileChannel)) {
        base.force(metaData);
      }
      happening.after();
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
    public FileLock tryLock(long position, long size, boolean shared) {
      return new FileLock(FakeFileChannel.INSTANCE, position, size, shared) {
        @Override
        public boolean isValid() {
          return true;
        }

        @Override
        public void release() {}
      };
    }

    @Override
    protected void implCloseChannel() throws IOException {
      if (!(base instanceof FakeFileChannel)) {
        base.close();
      }
    }
  }
}
