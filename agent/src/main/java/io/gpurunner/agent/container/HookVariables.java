package io.gpurunner.agent.container;

import java.util.Set;
import java.util.TreeSet;

/**
 * The variables with which a job or its image could change what a hook of the container runtime
 * does. NVIDIA's hooks are programs of the host that run as root, and some are run with the
 * container's variables (CVE-2025-23266: {@code LD_PRELOAD} brought the image's code into such a
 * hook). So these variables are not in the configuration of a container with GPUs. The program
 * {@code env} sets them in the container, right before the job's own program. Pure.
 */
public final class HookVariables {
  /**
   * The variables of the loader and of the C library that ld.so(8) removes for programs with more
   * rights than their caller ("secure-execution mode"), the other variables of ld.so(8), and those
   * of shells (bash(1)) and of Go's runtime, in which NVIDIA's hooks and their wrappers are
   * written.
   */
  private static final Set<String> NAMES =
      Set.of(
          // ld.so(8); musl has the first two and the fourth.
          "LD_PRELOAD",
          "LD_LIBRARY_PATH",
          "LD_AUDIT",
          "LD_ORIGIN_PATH",
          "LD_ASSUME_KERNEL",
          "LD_BIND_NOT",
          "LD_BIND_NOW",
          "LD_DEBUG",
          "LD_DEBUG_OUTPUT",
          "LD_DYNAMIC_WEAK",
          "LD_HWCAP_MASK",
          "LD_POINTER_GUARD",
          "LD_PREFER_MAP_32BIT_EXEC",
          "LD_PROFILE",
          "LD_PROFILE_OUTPUT",
          "LD_SHOW_AUXV",
          "LD_TRACE_LOADED_OBJECTS",
          "LD_TRACE_PRELINKING",
          "LD_USE_LOAD_BIAS",
          "LD_VERBOSE",
          "LD_WARN",
          // The C library: files that it reads or writes, and code that it loads.
          "GLIBC_TUNABLES",
          "GCONV_PATH",
          "GETCONF_DIR",
          "HOSTALIASES",
          "LOCALDOMAIN",
          "LOCPATH",
          "MALLOC_TRACE",
          "NIS_PATH",
          "NLSPATH",
          "RESOLV_HOST_CONF",
          "RES_OPTIONS",
          "TMPDIR",
          "TZDIR",
          // Shells: some installations wrap the hooks in scripts.
          "BASH_ENV",
          "BASHOPTS",
          "ENV",
          "IFS",
          "PS4",
          "SHELLOPTS",
          // Go's runtime.
          "GODEBUG",
          "GOTRACEBACK");

  private HookVariables() {}

  /** Returns whether a variable reaches the job's program only, and no hook. */
  public static boolean isOne(String name) {
    // A loader may have more of its own than are listed. BASH_FUNC_x%% is a function of bash.
    return NAMES.contains(name) || name.startsWith("LD_") || name.startsWith("BASH_FUNC_");
  }

  /** Returns the names that are known. The configuration of a container unsets them all. */
  public static Set<String> names() {
    return new TreeSet<>(NAMES);
  }
}
