package io.gpurunner.agent;

import com.sun.jna.LastErrorException;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A real file system that hangs like a network mount whose server is down. The kernel asks this
 * process for the content, by the protocol of {@code /dev/fuse}, and gets an answer only to its
 * first request. A thread that looks at the directory waits until this is closed. Needs root.
 */
final class HangingFileSystem implements AutoCloseable {
  private static final int READ_WRITE_CLOSE_ON_EXEC = 02 | 02000000;
  private static final int LEAVE_AT_ONCE = 2; // MNT_DETACH
  private static final int BUFFER_BYTES = 1 << 20;

  /** Sizes and versions of the structs fuse_out_header and fuse_init_out (linux/fuse.h). */
  private static final int OUT_HEADER_BYTES = 16;

  private static final int INIT_OUT_BYTES = 64;
  private static final int MAJOR = 7;
  private static final int MINOR = 31;

  private final Path directory;
  private final int device;

  /**
   * @param directory the mount point, which is created if absent; its content is hidden meanwhile
   */
  HangingFileSystem(Path directory) {
    this.directory = directory;
    try {
      Files.createDirectories(directory);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
    device = LibC.open("/dev/fuse", READ_WRITE_CLOSE_ON_EXEC);
    LibC.mount(
        "hangs",
        directory.toString(),
        "fuse",
        0,
        "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other".formatted(device));
    answerInit();
  }

  /** Answers the first request, FUSE_INIT. The kernel sends no other request before. */
  private void answerInit() {
    try (Memory buffer = new Memory(BUFFER_BYTES)) {
      LibC.read(device, buffer, BUFFER_BYTES);
      long request = buffer.getLong(8);
      int bytes = OUT_HEADER_BYTES + INIT_OUT_BYTES;
      buffer.clear(bytes);
      buffer.setInt(0, bytes);
      buffer.setLong(8, request);
      buffer.setInt(OUT_HEADER_BYTES, MAJOR);
      buffer.setInt(OUT_HEADER_BYTES + 4, MINOR);
      buffer.setInt(OUT_HEADER_BYTES + 8, 1 << 16); // the most bytes to read ahead
      buffer.setInt(OUT_HEADER_BYTES + 20, 1 << 16); // the most bytes of a write
      buffer.setInt(OUT_HEADER_BYTES + 24, 1); // times in nanoseconds
      LibC.write(device, buffer, bytes);
    }
  }

  /** Lets waiting threads go with an error. The directory then shows its own content again. */
  @Override
  public void close() {
    LibC.close(device);
    LibC.umount2(directory.toString(), LEAVE_AT_ONCE);
  }

  /** The raw mapping of libc. */
  private static final class LibC {
    static {
      Native.register(LibC.class, "c");
    }

    private LibC() {}

    static native int open(String path, int flags) throws LastErrorException;

    static native int mount(String what, String where, String type, long flags, String options)
        throws LastErrorException;

    static native int umount2(String where, int flags) throws LastErrorException;

    static native long read(int file, Pointer buffer, long bytes) throws LastErrorException;

    static native long write(int file, Pointer buffer, long bytes) throws LastErrorException;

    static native int close(int file) throws LastErrorException;
  }
}
