package io.gpurunner.api;

/** The bounds of a job request's fields. Immutable. */
public final class JobRequestLimits {
  public static final int MAX_PATH_CHARACTERS = 1024;

  /** Longest part of a path, as Linux file systems have it (NAME_MAX). */
  public static final int MAX_PATH_PART_BYTES = 255;

  public static final int MAX_GPU_TYPE_CHARACTERS = 128;
  public static final int MAX_LIBRARY_NAME_CHARACTERS = 255;
  public static final int MAX_IMAGE_CHARACTERS = 512;

  /**
   * Longest single argument or {@code NAME=value} that Linux starts a program with, without its
   * final NUL ({@code MAX_ARG_STRLEN} of {@code linux/binfmts.h}: 32 pages of 4 KiB).
   */
  public static final int MAX_EXEC_STRING_BYTES = (128 << 10) - 1;

  /**
   * Well below {@link #MAX_EXEC_STRING_BYTES}: {@code sh -c} gets it as one argument, with words of
   * the agent's own in front.
   */
  public static final int MAX_COMMAND_BYTES = 64 << 10;

  public static final int MAX_URL_CHARACTERS = 2048;

  /** Ten years. */
  public static final int MAX_STOP_MINUTES = 5_256_000;

  public static final int MAX_ENV_VARIABLES = 512;
  public static final int MAX_ENV_NAME_CHARACTERS = 256;

  /** With the longest name and the {@code =} still below {@link #MAX_EXEC_STRING_BYTES}. */
  public static final int MAX_ENV_VALUE_BYTES = 64 << 10;

  /**
   * All names and values together. Image, agent and every program the job starts add their own, and
   * all of it shares with the arguments what Linux lets a process start with ({@code ARG_MAX}).
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

  /** Names listed in an error that says what there is. */
  public static final int MAX_LISTED_NAMES = 20;

  private JobRequestLimits() {}
}
