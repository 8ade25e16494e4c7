package io.gpurunner.storage;

import java.util.regex.Pattern;

/**
 * The name under which all data of a job is kept: its directory on this machine and its key prefix
 * in the artifact store. In this product it is the job id.
 */
public record JobFolder(String name) {
  private static final Pattern SAFE = Pattern.compile("[A-Za-z0-9][A-Za-z0-9-]{0,79}");

  /**
   * @throws IllegalArgumentException if the name is not one plain path segment
   */
  public JobFolder {
    if (!SAFE.matcher(name).matches()) {
      throw new IllegalArgumentException("not a job folder's name: " + name);
    }
  }
}
