package io.gpurunner.api;

import java.util.List;

/**
 * Inbound port: the names of a library that jobs may mount entries of. May block for a limited
 * time; thread-safe. Each method throws {@link RequestRefusedException} of the kind UNAVAILABLE
 * where the library does not answer.
 */
public interface LibraryNames {
  /**
   * Whether there is an entry of exactly this name.
   *
   * @param name as a user gave it: unchecked
   */
  boolean has(String name);

  /** The first names in order, to be shown to a user who gave another. */
  Listed first(int count);

  /**
   * Some names of a library.
   *
   * @param more whether there are others
   */
  record Listed(List<String> names, boolean more) {}
}
