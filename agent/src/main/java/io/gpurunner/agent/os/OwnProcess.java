package io.gpurunner.agent.os;

import com.sun.jna.LastErrorException;
import com.sun.jna.Native;

/** This process, as the kernel knows it. Thread-safe. */
public final class OwnProcess {
  private static final int SIGKILL = 9;

  private OwnProcess() {}

  /**
   * Ends this process by SIGKILL, as {@code kill -9} does: no other thread makes another step, no
   * shutdown hook runs, no buffer is written. Does not return.
   */
  public static void kill() {
    LibC.kill(Math.toIntExact(ProcessHandle.current().pid()), SIGKILL);
    throw new AssertionError("the kernel did not end this process");
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
