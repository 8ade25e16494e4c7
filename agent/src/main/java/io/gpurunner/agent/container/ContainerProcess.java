package io.gpurunner.agent.container;

/**
 * A process of a container, as the kernel describes it (proc_pid_status(5)).
 *
 * @param parent the number of its parent on the host
 * @param ownPid its number as the programs in the container see it
 * @param name the name of its program, with only printable characters; the job chooses it
 * @param role what its program does with the signals that it gets
 * @param caught the signals that it catches: bit n-1 stands for signal n
 * @param ignored the signals that it ignores
 */
public record ContainerProcess(
    ProcessKey key, long parent, long ownPid, String name, Role role, long caught, long ignored) {

  /** What a program does with a signal that it catches. */
  public enum Role {
    /** It saves its state, or ends the programs that it started in its own time. */
    PROGRAM,
    /** It runs a trap, once the program that it waits for has ended. */
    SHELL,
    /**
     * It kills the programs that it started within seconds, which is too short for a checkpoint:
     * {@code mpirun}.
     */
    HASTY_LAUNCHER
  }

  boolean catches(StopSignal signal) {
    return has(caught, signal.number());
  }

  boolean ignores(int signal) {
    return has(ignored, signal);
  }

  private static boolean has(long mask, int signal) {
    return (mask >>> (signal - 1) & 1) == 1;
  }

  /** Returns the process in words for users: {@code python3 (process 7)}. */
  public String words() {
    return name + " (process " + ownPid + ")";
  }
}
