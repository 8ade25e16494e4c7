package io.gpurunner.storage;

/**
 * The key of an object: {@code <folder>/<file>}.
 *
 * @param file one segment: no slash, no control character, not {@code .} or {@code ..}, at most 255
 *     bytes of UTF-8
 */
public record ObjectKey(JobFolder folder, String file) {
  /**
   * @throws IllegalArgumentException if the file name is not such a segment
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

  /** Returns the key in the form that S3 takes. */
  public String path() {
    return folder.name() + "/" + file;
  }
}
