package io.gpurunner.agent.os;

import com.sun.jna.LastErrorException;
import com.sun.jna.Native;
import java.io.IOException;

/** Sends signals to processes of this machine, by the kernel's kill(2). Thread-safe. */
public final class Signals {
  /** No such process: asm-generic/errno-base.h. */
  private static final int ESRCH = 3;

  private Signals() {}

  /**
   * Sends a signal. A process that has ended is no error.
   *
   * @throws IOException if this process may not signal that one
   */
  public static void send(long pid, int signal) throws IOException {
    try {
      LibC.kill(Math.toIntExact(pid), signal);
    } catch (LastErrorException e) {
      if (e.getErrorCode() != ESRCH) {
        throw new IOException("process " + pid + " cannot be signalled: " + e.getMessage(), e);
      }
    }
  }

  /** The raw mapping. It is loaded at the first call. */
  private static final class LibC {
    static {
      Native.register(LibC.class, "c");
    }

    private LibC() {}

    static native int kill(int pid, int signal) throws LastErrorException;
  }
}
