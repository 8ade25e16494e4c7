package io.gpurunner.api;

import java.util.List;

/**
 * Port: the names in a library whose entries jobs may mount. May block for a limited time;
 * thread-safe. Each method throws {@link RequestRefusedException} of the kind UNAVAILABLE if the
 * library does not answer.
 */
public interface LibraryNames {
  /**
   * Returns whether there is an entry with exactly this name.
   *
   * @param name as a user gave it: unchecked
   */
  boolean has(String name);

  /**
   * Returns whether an entry holds a directory, so that another one can be mounted on it.
   *
   * @param inside the path of the directory in the entry: plain names with slashes between
   */
  boolean hasDirectory(String name, String inside);

  /** Returns the first names in order. They are shown to a user who gave another name. */
  Listed first(int count);

  /**
   * Some names of a library.
   *
   * @param more whether there are others
   */
  record Listed(List<String> names, boolean more) {}
}
