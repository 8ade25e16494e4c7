package io.gpurunner.agent.cli;

import java.util.List;

/**
 * {@code serve} cannot use some files that the configuration names. The exception names all faults.
 */
final class UnusableFilesException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient List<String> faults;

  /**
   * @param faults at least one; each names the key, the file, what is wrong and what is accepted
   */
  UnusableFilesException(List<String> faults) {
    super(String.join("; ", faults));
    this.faults = List.copyOf(faults);
  }

  List<String> faults() {
    return faults;
  }
}
