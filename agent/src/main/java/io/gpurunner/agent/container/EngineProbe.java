package io.gpurunner.agent.container;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/** Port: checks whether the container engine can take jobs. Blocking; thread-safe. */
public interface EngineProbe {
  /**
   * Asks the engine for its version and how it attaches GPUs.
   *
   * @throws ContainerException UNREACHABLE naming the address, also if the engine's process cannot
   *     be found
   */
  EngineFacts probe();

  /**
   * Returns what an attacker could use in the programs under the agent: one sentence for each, with
   * what to do. Jobs run all the same.
   *
   * @throws ContainerException UNREACHABLE naming the address
   */
  List<String> weaknesses();

  /**
   * Returns what root of a container is on this machine. It is empty if it is root.
   *
   * @throws ContainerException UNREACHABLE naming the address
   */
  Optional<ContainerRoot> containerRoot();

  /**
   * Creates, starts and removes a container of the agent's own, as a job's container without GPUs
   * would be. Its image is made by the agent and needs no registry.
   *
   * @throws ContainerException if this machine cannot start it, with the engine's words
   */
  void tryStart();

  /**
   * Does the same with a GPU, and looks what the container got. It must be able to open the GPU's
   * device node, and must see no other GPU's.
   *
   * @param uuid the GPU that it gets
   * @param minor the number of the GPU's device node; if it is empty, the container only has to
   *     start
   * @throws ContainerException GPUS_UNFIT if the container did not get exactly this GPU; otherwise
   *     as {@link #tryStart}
   */
  void tryGpu(String uuid, OptionalInt minor);

  /**
   * Looks which device nodes a running container lacks of those that it was given. Others are not
   * looked for: NVIDIA's own libraries make the nodes of all GPUs in a container, and its control
   * group keeps it from opening them.
   *
   * @param containerId the engine's full id
   * @param minors the numbers of the device nodes of its GPUs
   * @return none, too, if the container does not run, or the kernel does not show them
   * @throws ContainerException if the engine does not tell which process it is
   */
  Set<Integer> missingNodes(String containerId, Set<Integer> minors);

  /**
   * @param version the engine's version
   * @param gpuCircumstances the engine's process, and the files that say how it attaches GPUs; what
   *     was tried in other circumstances does not count
   * @param gpuAccess how GPUs reach a container here
   * @param gpuFault why no GPU can reach a container, and what to do; empty if one can, or if it is
   *     not to
   * @param gpuAdvice what may take GPUs from containers later, and how to prevent it; empty if
   *     nothing is known
   * @param dataRoot the directory in which the engine keeps images and containers; empty if it is
   *     not a directory of this machine
   */
  record EngineFacts(
      String version,
      String gpuCircumstances,
      GpuAccess gpuAccess,
      Optional<String> gpuFault,
      Optional<String> gpuAdvice,
      Optional<Path> dataRoot) {}

  /** The ways in which a container gets a GPU. */
  enum GpuAccess {
    /** A device request to the NVIDIA runtime hook. */
    RUNTIME,
    /** A device request by CDI name. */
    CDI,
    /** No container gets a GPU: there is no way, it is configured so, or they are simulated. */
    NONE
  }
}
