package io.gpurunner.storage;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Calls of the C library that the JDK lacks: a file's blocks, and directories that are opened
 * relative to open ones by names of any bytes. Sources: statx(2), openat(2), getdents(2), kcmp(2),
 * and the kernel's headers linux/stat.h and asm-generic/fcntl.h. For one thread: the memory that
 * the calls write to belongs to this object, and each call overwrites the answer of the one before.
 */
final class HostCalls implements AutoCloseable {
  // Numbers of errors, from asm-generic/errno.h.
  private static final int NOT_PERMITTED = 1;
  private static final int ABSENT = 2;
  private static final int ACCESS_DENIED = 13;
  private static final int NOT_A_DIRECTORY = 20;
  private static final int IS_A_LINK = 40;

  private static final int INVALID = -1;
  private static final int AT_WORKING_DIRECTORY = -100;
  private static final int AT_SYMLINK_NOFOLLOW = 0x100;
  private static final int AT_NO_AUTOMOUNT = 0x800;
  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int BASIC_STATS = 0x7ff;
  private static final int MOUNT_NUMBER = 0x1000;
  private static final int WANTED = BASIC_STATS | MOUNT_NUMBER;
  private static final int STATX_BYTES = 256;
  private static final long ATTRIBUTE_MOUNT_ROOT = 0x2000;
  private static final int CLOSE_ON_EXEC = 0x80000;
  // The offsets in a struct linux_dirent64.
  private static final long NEXT_OFFSET = 8;
  private static final long LENGTH_OFFSET = 16;
  private static final long NAME_OFFSET = 19;
  private static final int READ_BYTES = 32 << 10;

  private static final int BLOCK_BYTES = 512;
  private static final long KCMP_FILES = 2;

  private static final boolean IS_ARM = System.getProperty("os.arch", "").equals("aarch64");

  /** Opens a directory for reading, and no link: two numbers differ between the processors. */
  private static final int OPEN_DIRECTORY =
      CLOSE_ON_EXEC | (IS_ARM ? 0x4000 | 0x8000 : 0x10000 | 0x20000);

  // The numbers of system calls for which not every C library has a function.
  private static final long KCMP = IS_ARM ? 272 : 312;
  private static final long GETDENTS = IS_ARM ? 61 : 217;

  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERROR_NUMBER =
      STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

  private static final MethodHandle STATX =
      function(
          "statx",
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.ADDRESS,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.ADDRESS));
  private static final MethodHandle OPENAT =
      function(
          "openat",
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.ADDRESS,
              ValueLayout.JAVA_INT),
          Linker.Option.firstVariadicArg(3));
  private static final MethodHandle CLOSE =
      function("close", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
  private static final MethodHandle LSEEK =
      function(
          "lseek",
          FunctionDescriptor.of(
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT));
  private static final MethodHandle SYSCALL =
      function(
          "syscall",
          FunctionDescriptor.of(
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG),
          Linker.Option.firstVariadicArg(1));

  private final Arena arena = Arena.ofConfined();
  private final MemorySegment state = arena.allocate(STATE);
  private final MemorySegment stat = arena.allocate(STATX_BYTES, Long.BYTES);
  private final MemorySegment empty = arena.allocateFrom("");
  private final MemorySegment parent = arena.allocateFrom("..");
  private final List<MemorySegment> spare = new ArrayList<>();

  /** An open directory, and what was read of it. The class that opened it closes it. */
  static final class Directory {
    private final int descriptor;
    private final MemorySegment read;
    private long position;
    private long end;

    private Directory(int descriptor, MemorySegment read) {
      this.descriptor = descriptor;
      this.read = read;
    }
  }

  /**
   * An entry of a directory.
   *
   * @param name its bytes, which the next read of the directory overwrites
   * @param next where reading goes on after it
   */
  record Entry(MemorySegment name, long next) {
    /** Returns whether it is the directory itself or its parent. */
    boolean isDots() {
      byte first = name.get(ValueLayout.JAVA_BYTE, 0);
      byte second = name.get(ValueLayout.JAVA_BYTE, 1);
      return first == '.'
          && (second == 0 || (second == '.' && name.get(ValueLayout.JAVA_BYTE, 2) == 0));
    }
  }

  /** A call that failed, with the number of its error. */
  static final class CallFailedException extends IOException {
    private static final long serialVersionUID = 1L;
    private final int number;

    CallFailedException(String call, int number) {
      super(call + " failed with error number " + number);
      this.number = number;
    }

    int number() {
      return number;
    }

    /** Returns whether the entry vanished, or something else has its name by now. */
    boolean isRaced() {
      return number == ABSENT || number == NOT_A_DIRECTORY || number == IS_A_LINK;
    }

    /** Returns whether this process may not do that. */
    boolean isForbidden() {
      return number == ACCESS_DENIED || number == NOT_PERMITTED;
    }
  }

  /**
   * What the kernel says of a file.
   *
   * @param blockBytes what it takes on disk
   * @param mounted whether another file system is mounted there; empty if the kernel does not say
   * @param mount the number of the mount through which it was found; empty likewise
   */
  record Facts(
      Kind kind,
      long device,
      long inode,
      long links,
      long blockBytes,
      Optional<Boolean> mounted,
      OptionalLong mount) {}

  /** The kinds of files that matter. */
  enum Kind {
    DIRECTORY,
    FILE,
    OTHER
  }

  @SuppressWarnings("restricted") // the launcher allows native access
  private static MethodHandle function(
      String name, FunctionDescriptor signature, Linker.Option... options) {
    Linker linker = Linker.nativeLinker();
    SymbolLookup library = linker.defaultLookup();
    MemorySegment address =
        library
            .find(name)
            .orElseThrow(() -> new NoSuchElementException("the C library has no " + name));
    Linker.Option[] all = new Linker.Option[options.length + 1];
    all[0] = Linker.Option.captureCallState("errno");
    System.arraycopy(options, 0, all, 1, options.length);
    return linker.downcallHandle(address, signature, all);
  }

  /** Describes what a path names, with all links followed. */
  Facts describe(String path) throws CallFailedException {
    try (Arena once = Arena.ofConfined()) {
      return describe(AT_WORKING_DIRECTORY, once.allocateFrom(path), 0);
    }
  }

  /** Describes an entry of an open directory itself, even if it is a link. */
  Facts describe(Directory directory, Entry entry) throws CallFailedException {
    return describe(directory.descriptor, entry.name, AT_SYMLINK_NOFOLLOW);
  }

  /** Describes an open directory. */
  Facts describe(Directory directory) throws CallFailedException {
    return describe(directory.descriptor, empty, AT_EMPTY_PATH);
  }

  private Facts describe(int directory, MemorySegment name, int flags) throws CallFailedException {
    int result;
    try {
      result =
          (int) STATX.invokeExact(state, directory, name, flags | AT_NO_AUTOMOUNT, WANTED, stat);
    } catch (Throwable impossible) {
      throw unexpected(impossible);
    }
    if (result != 0) {
      throw failed("statx");
    }
    return new Facts(
        kind(stat.get(ValueLayout.JAVA_SHORT, 0x1c)),
        (long) stat.get(ValueLayout.JAVA_INT, 0x88) << 32
            | Integer.toUnsignedLong(stat.get(ValueLayout.JAVA_INT, 0x8c)),
        stat.get(ValueLayout.JAVA_LONG, 0x20),
        Integer.toUnsignedLong(stat.get(ValueLayout.JAVA_INT, 0x10)),
        stat.get(ValueLayout.JAVA_LONG, 0x30) * BLOCK_BYTES,
        mounted(),
        (stat.get(ValueLayout.JAVA_INT, 0) & MOUNT_NUMBER) != 0
            ? OptionalLong.of(stat.get(ValueLayout.JAVA_LONG, 0x90))
            : OptionalLong.empty());
  }

  private Optional<Boolean> mounted() {
    boolean isKnown = (stat.get(ValueLayout.JAVA_LONG, 0x38) & ATTRIBUTE_MOUNT_ROOT) != 0;
    return isKnown
        ? Optional.of((stat.get(ValueLayout.JAVA_LONG, 0x08) & ATTRIBUTE_MOUNT_ROOT) != 0)
        : Optional.empty();
  }

  private static Kind kind(short mode) {
    return switch (mode & 0xf000) {
      case 0x4000 -> Kind.DIRECTORY;
      case 0x8000 -> Kind.FILE;
      default -> Kind.OTHER;
    };
  }

  /** Opens a directory by its path, whose last part must be no link. */
  Directory open(String path) throws CallFailedException {
    try (Arena once = Arena.ofConfined()) {
      return open(AT_WORKING_DIRECTORY, once.allocateFrom(path));
    }
  }

  /** Opens a directory that is an entry of an open one, and no link. */
  Directory open(Directory directory, Entry entry) throws CallFailedException {
    return open(directory.descriptor, entry.name);
  }

  /** Opens the directory above an open one. */
  Directory openParent(Directory directory) throws CallFailedException {
    return open(directory.descriptor, parent);
  }

  private Directory open(int directory, MemorySegment name) throws CallFailedException {
    int descriptor;
    try {
      descriptor = (int) OPENAT.invokeExact(state, directory, name, OPEN_DIRECTORY);
    } catch (Throwable impossible) {
      throw unexpected(impossible);
    }
    if (descriptor == INVALID) {
      throw failed("openat");
    }
    return new Directory(
        descriptor, spare.isEmpty() ? arena.allocate(READ_BYTES, Long.BYTES) : spare.removeLast());
  }

  /** Returns the next entry of an open directory, or null at its end. */
  @Nullable Entry next(Directory directory) throws CallFailedException {
    if (directory.position >= directory.end) {
      long count = call(GETDENTS, directory.descriptor, directory.read.address(), READ_BYTES);
      // A directory that was removed while it is read has no more entries.
      if (count == INVALID && errorNumber() != ABSENT) {
        throw failed("getdents64");
      }
      directory.position = 0;
      directory.end = Math.max(0, count);
      if (directory.end == 0) {
        return null;
      }
    }
    MemorySegment entry = directory.read.asSlice(directory.position);
    directory.position += Short.toUnsignedLong(entry.get(ValueLayout.JAVA_SHORT, LENGTH_OFFSET));
    return new Entry(entry.asSlice(NAME_OFFSET), entry.get(ValueLayout.JAVA_LONG, NEXT_OFFSET));
  }

  /** Goes on reading after an earlier entry. */
  void seek(Directory directory, long next) throws CallFailedException {
    directory.end = 0;
    long result;
    try {
      result = (long) LSEEK.invokeExact(state, directory.descriptor, next, 0);
    } catch (Throwable impossible) {
      throw unexpected(impossible);
    }
    if (result == INVALID) {
      throw failed("lseek");
    }
  }

  void close(Directory directory) {
    spare.add(directory.read);
    try {
      int _ = (int) CLOSE.invokeExact(state, directory.descriptor);
    } catch (Throwable impossible) {
      throw unexpected(impossible);
    }
  }

  /**
   * Returns whether two threads are known to share their open files. If the kernel does not say, it
   * is not known.
   */
  boolean shareFiles(long thread, long other) {
    return call(KCMP, thread, other, KCMP_FILES) == 0;
  }

  private long call(long number, long first, long second, long third) {
    try {
      return (long) SYSCALL.invokeExact(state, number, first, second, third, 0L, 0L);
    } catch (Throwable impossible) {
      throw unexpected(impossible);
    }
  }

  private CallFailedException failed(String call) {
    return new CallFailedException(call, errorNumber());
  }

  private int errorNumber() {
    return (int) ERROR_NUMBER.get(state, 0L);
  }

  private static AssertionError unexpected(Throwable thrown) {
    return new AssertionError("a foreign function throws nothing", thrown);
  }

  @Override
  public void close() {
    arena.close();
  }
}
