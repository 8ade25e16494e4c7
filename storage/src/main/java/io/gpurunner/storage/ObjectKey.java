package io.gpurunner.storage;

/**
 * The key of an object: {@code <folder>/<file>}.
 *
 * @param file one segment: no slash, no control character, not {@code .} or {@code ..}, at most 255
 *     bytes of UTF-8
 */
public record ObjectKey(JobFolder folder, String file) {
  /**
   * @throws IllegalArgumentException if the file name is none
   */
  public ObjectKey {
    if (file.isEmpty()
        || file.equals(".")
        || file.equals("..")
        || file.indexOf('/') >= 0
        || file.chars().anyMatch(Character::isISOControl)) {
      throw new IllegalArgumentException("not an object's file name: " + file);
    }
  }

  /** The key as S3 takes it. */
  public String path() {
    return folder.name() + "/" + file;
  }
}
