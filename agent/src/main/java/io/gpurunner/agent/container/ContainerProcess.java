package io.gpurunner.agent.container;

/**
 * A process of a container, as the kernel describes it (proc_pid_status(5)).
 *
 * @param parent the number of its parent on the host
 * @param ownPid its number as the programs in the container see it
 * @param name the name of its program, with only printable characters; the job chooses it
 * @param shell whether its program is a shell
 * @param caught the signals that it catches: bit n-1 stands for signal n
 * @param ignored the signals that it ignores
 */
public record ContainerProcess(
    ProcessKey key,
    long parent,
    long ownPid,
    String name,
    boolean shell,
    long caught,
    long ignored) {

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
