package io.gpurunner.agent.cli;

import java.util.List;

/**
 * Files that the configuration names cannot be used by {@code serve}. The exception names all of
 * them.
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
