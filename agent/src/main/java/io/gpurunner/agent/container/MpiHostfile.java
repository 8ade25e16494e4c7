package io.gpurunner.agent.container;

import io.gpurunner.storage.JobPaths;
import java.io.IOException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The hostfiles of an MPI job: one node with one slot for each GPU of the job. They are written to
 * the job's own directory on the host before the container is created, and mounted read-only at the
 * same place in every container.
 *
 * <p>There are two files because there are two grammars: Open MPI reads {@code localhost slots=2},
 * MPICH's Hydra reads {@code localhost:2}.
 */
public final class MpiHostfile {
  /** The path of Open MPI's file in the container. */
  static final String OPEN_MPI_PATH = "/etc/gpurunner/hostfile";

  /** The path of MPICH's file in the container. */
  static final String MPICH_PATH = "/etc/gpurunner/hostfile.mpich";

  private MpiHostfile() {}

  /**
   * Writes both files, each whole or not at all. An existing file is replaced.
   *
   * @param gpuNumber the job's GPUs; 0 gives one slot
   * @throws IOException naming the file
   */
  public static void write(JobPaths paths, int gpuNumber) throws IOException {
    int slots = slots(gpuNumber);
    replace(openMpi(paths), "localhost slots=" + slots + "\n");
    replace(mpich(paths), "localhost:" + slots + "\n");
  }

  private static void replace(Path file, String content) throws IOException {
    Path part = file.resolveSibling(file.getFileName() + ".part");
    Files.writeString(part, content);
    // The job may run as another user than root. The directory above is closed to everybody else.
    Files.setPosixFilePermissions(part, PosixFilePermissions.fromString("rw-r--r--"));
    try {
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (AtomicMoveNotSupportedException e) {
      throw new IOException("cannot write " + file, e);
    }
  }

  static Path openMpi(JobPaths paths) {
    return paths.root().resolve("hostfile");
  }

  static Path mpich(JobPaths paths) {
    return paths.root().resolve("hostfile.mpich");
  }

  static int slots(int gpuNumber) {
    return Math.max(1, gpuNumber);
  }

  /** Returns the variables by which every usual MPI finds its file, and agrees to run as root. */
  static Map<String, String> environment() {
    Map<String, String> environment = new LinkedHashMap<>();
    // Open MPI up to 4 (ORTE), and 5 (PRRTE).
    environment.put("OMPI_MCA_orte_default_hostfile", OPEN_MPI_PATH);
    environment.put("PRTE_MCA_prte_default_hostfile", OPEN_MPI_PATH);
    environment.put("OMPI_ALLOW_RUN_AS_ROOT", "1");
    environment.put("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    environment.put("PRTE_ALLOW_RUN_AS_ROOT", "1");
    environment.put("PRTE_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    // MPICH and Intel MPI (both Hydra).
    environment.put("HYDRA_HOST_FILE", MPICH_PATH);
    environment.put("I_MPI_HYDRA_HOST_FILE", MPICH_PATH);
    return environment;
  }
}
