package io.gpurunner.agent.container.docker;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The processes of a container as the kernel knows them, whatever the engine says. An engine that
 * was killed while it started a container takes that container for never started afterwards
 * (docs/adr/010). A process belongs to the container if the path of its control group holds the
 * container's id, as it does with both of Docker's cgroup drivers. Stateless.
 */
final class ContainerProcesses {
  private static final Logger log = LoggerFactory.getLogger(ContainerProcesses.class);

  private static final Duration LIMIT = Duration.ofSeconds(10);
  private static final Duration PAUSE = Duration.ofMillis(20);

  private ContainerProcesses() {}

  /**
   * @param containerId the engine's full id
   */
  static boolean exist(String containerId) {
    return !of(containerId).isEmpty();
  }

  /**
   * Kills all processes of the container, and returns once none is left.
   *
   * @param containerId the engine's full id
   * @throws ContainerException FAILED if a process is still there after SIGKILL
   */
  static void kill(String containerId) {
    List<ProcessHandle> left = of(containerId);
    if (left.isEmpty()) {
      return;
    }
    log.warn("killing the processes {} of the container {}", pids(left), containerId);
    long end = System.nanoTime() + LIMIT.toNanos();
    while (!left.isEmpty()) {
      if (System.nanoTime() > end) {
        throw new ContainerException(
            Kind.FAILED,
            "SIGKILL does not end the processes "
                + pids(left)
                + " of the container "
                + containerId);
      }
      left.forEach(ProcessHandle::destroyForcibly);
      LockSupport.parkNanos(PAUSE.toNanos());
      left = of(containerId);
    }
  }

  private static List<Long> pids(List<ProcessHandle> processes) {
    return processes.stream().map(ProcessHandle::pid).toList();
  }

  /** A handle knows when its process began, so it never kills another one with the same number. */
  static List<ProcessHandle> of(String containerId) {
    return ProcessHandle.allProcesses()
        .filter(process -> isIn(process.pid(), containerId))
        .toList();
  }

  /** Returns whether the process belongs to the container. */
  static boolean isIn(long pid, String containerId) {
    try {
      return Files.readString(Path.of("/proc", Long.toString(pid), "cgroup")).contains(containerId);
    } catch (IOException ended) {
      return false;
    }
  }
}
