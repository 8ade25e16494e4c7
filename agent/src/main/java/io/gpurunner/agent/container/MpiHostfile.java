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
 * The hostfiles of an MPI job: one node with as many slots as the job has GPUs. They lie in the
 * job's own directory on the host and are mounted read-only, each at the same place in every
 * container. Called by the job's runner before the container is made.
 *
 * <p>Two files, for two grammars: Open MPI reads {@code localhost slots=2}, MPICH's Hydra {@code
 * localhost:2}.
 */
public final class MpiHostfile {
  /** Where the container finds Open MPI's. */
  static final String OPEN_MPI_PATH = "/etc/gpurunner/hostfile";

  /** Where the container finds MPICH's. */
  static final String MPICH_PATH = "/etc/gpurunner/hostfile.mpich";

  private MpiHostfile() {}

  /**
   * Writes both, each whole or not at all; the same files again where they are there already.
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
    // The job's user need not be root; the directory above is closed to everybody else.
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

  /** What makes every usual MPI find the file, and run although the job is root. */
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
