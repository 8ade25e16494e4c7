package io.gpurunner.api;

/** The limits of a job request's fields. Immutable. */
public final class JobRequestLimits {
  public static final int MAX_PATH_CHARACTERS = 1024;

  /** The longest part of a path that Linux file systems allow (NAME_MAX). */
  public static final int MAX_PATH_PART_BYTES = 255;

  public static final int MAX_GPU_TYPE_CHARACTERS = 128;
  public static final int MAX_LIBRARY_NAME_CHARACTERS = 255;
  public static final int MAX_IMAGE_CHARACTERS = 512;

  /**
   * The longest single argument or {@code NAME=value} that Linux starts a program with, without its
   * final NUL ({@code MAX_ARG_STRLEN} of {@code linux/binfmts.h}: 32 pages of 4 KiB).
   */
  public static final int MAX_EXEC_STRING_BYTES = (128 << 10) - 1;

  /**
   * The longest {@code runCommand}. It is well below {@link #MAX_EXEC_STRING_BYTES}, because {@code
   * sh -c} gets it as one argument, after words of the agent's own.
   */
  public static final int MAX_COMMAND_BYTES = 64 << 10;

  public static final int MAX_URL_CHARACTERS = 2048;

  /** The longest stop time: ten years. */
  public static final int MAX_STOP_MINUTES = 5_256_000;

  public static final int MAX_ENV_VARIABLES = 512;
  public static final int MAX_ENV_NAME_CHARACTERS = 256;

  /**
   * The longest value of a variable. With the longest name and the {@code =}, it is below {@link
   * #MAX_EXEC_STRING_BYTES}.
   */
  public static final int MAX_ENV_VALUE_BYTES = 64 << 10;

  /**
   * The size of all names and values together. The image, the agent and the programs of the job add
   * variables of their own, and Linux limits the variables and the arguments of a process together
   * ({@code ARG_MAX}).
   */
  public static final int MAX_ENV_BYTES = 128 << 10;

  public static final int MAX_NAME_CHARACTERS = 128;
  public static final int MIN_PRIORITY = -1000;
  public static final int MAX_PRIORITY = 1000;
  public static final int MAX_RETRIES = 10;
  public static final int MAX_GRACE_SECONDS = 3600;
  public static final int MAX_LABELS = 64;
  public static final int MAX_LABEL_KEY_CHARACTERS = 63;
  public static final int MAX_LABEL_VALUE_CHARACTERS = 256;

  /** The most entries of a library that are listed. */
  public static final int MAX_RESOURCES = 1000;

  /** The number of names that an error lists, to show which names there are. */
  public static final int MAX_LISTED_NAMES = 20;

  private JobRequestLimits() {}
}
