package io.gpurunner.agent.config;

import java.util.List;

/** The configuration cannot be used. The exception names everything that is wrong with it. */
public final class ConfigException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient List<String> errors;

  /**
   * @param errors at least one, each {@code file:line: key: what was wrong; accepted …}
   */
  ConfigException(List<String> errors) {
    super(String.join(System.lineSeparator(), errors));
    this.errors = List.copyOf(errors);
  }

  /** Returns what is wrong, one line each, in the order of the file. */
  public List<String> errors() {
    return errors;
  }
}
