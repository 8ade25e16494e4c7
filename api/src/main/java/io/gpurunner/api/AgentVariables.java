package io.gpurunner.api;

import java.util.Set;
import java.util.TreeSet;

/**
 * The names of the variables that the agent sets in a job's container (contract section 2, "What a
 * job gets"). A job's own values for them are ignored. Immutable.
 */
public final class AgentVariables {
  /**
   * Tells Docker's init to hand a signal on to all programs of the job. A job's other {@code
   * TINI_*} variables count.
   */
  public static final String KILL_PROCESS_GROUP = "TINI_KILL_PROCESS_GROUP";

  private static final Set<String> ALL_JOBS =
      Set.of("JOB_ID", "CKPT_PATH", "MODEL_PATH", KILL_PROCESS_GROUP);

  private static final Set<String> MPI =
      Set.of(
          "OMPI_MCA_orte_default_hostfile",
          "PRTE_MCA_prte_default_hostfile",
          "OMPI_ALLOW_RUN_AS_ROOT",
          "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM",
          "PRTE_ALLOW_RUN_AS_ROOT",
          "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM",
          "HYDRA_HOST_FILE",
          "I_MPI_HYDRA_HOST_FILE");

  private static final Set<String> PYTORCH =
      Set.of("MASTER_ADDR", "MASTER_PORT", "PET_NPROC_PER_NODE");

  private AgentVariables() {}

  /**
   * Returns the variables that the agent sets for a job of this type, without the {@link
   * ReservedVariables}.
   */
  public static Set<String> namesFor(JobType type) {
    Set<String> names = new TreeSet<>(ALL_JOBS);
    names.addAll(
        switch (type) {
          case GENERAL, TENSORFLOW -> Set.of();
          case MPI -> MPI;
          case PYTORCH -> PYTORCH;
        });
    return names;
  }
}
