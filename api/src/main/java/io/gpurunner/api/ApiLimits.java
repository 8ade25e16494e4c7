package io.gpurunner.api;

import java.time.Duration;

/** Every limit of the HTTP side that does not depend on the configuration. Immutable. */
public final class ApiLimits {
  /** Largest request body; a larger one is answered with 413. */
  public static final int MAX_BODY_BYTES = 1 << 20;

  /** Bodies held in memory at one time, over all requests; past it new ones get 503. */
  public static final long MAX_BUFFERED_BODY_BYTES = 32L << 20;

  /** What may still arrive of a body after its request was answered, before the line is cut. */
  public static final long MAX_DISCARDED_BODY_BYTES = 8L << 20;

  public static final int MAX_REQUEST_LINE_BYTES = 8 << 10;
  public static final int MAX_HEADER_BYTES = 16 << 10;

  /** Longest token looked at. */
  public static final int MAX_TOKEN_CHARACTERS = 4 << 10;

  /**
   * Longest user name, in UTF-16 units: of a token that is made, of one that is sent, and below
   * what the ledger's columns hold (200).
   */
  public static final int MAX_USER_CHARACTERS = 128;

  /** Longest token id ({@code jti}). */
  public static final int MAX_TOKEN_ID_CHARACTERS = 128;

  /** Verified tokens remembered, so that a busy client's signature is not computed every time. */
  static final int MAX_REMEMBERED_TOKENS = 1024;

  public static final int MAX_IDEMPOTENCY_KEY_CHARACTERS = 255;
  public static final int DEFAULT_PAGE_SIZE = 10;
  public static final int MAX_PAGE_SIZE = 100;
  public static final int MAX_PAGE = 1_000_000;

  /** Objects and lists inside one another in a body. */
  public static final int MAX_JSON_DEPTH = 32;

  /** Values of every kind in one body. */
  public static final int MAX_JSON_VALUES = 10_000;

  public static final int MAX_JSON_NUMBER_CHARACTERS = 100;
  public static final int MAX_JSON_NAME_CHARACTERS = 1024;

  /** Wrong fields named in one answer; further ones are counted. */
  public static final int MAX_REPORTED_ERRORS = 50;

  /** Pieces of files read at a time for those who download them; the others wait. */
  static final int MAX_FILE_READS = 8;

  /** What 503 tells a client to wait. */
  static final Duration RETRY_AFTER = Duration.ofSeconds(1);

  /** What 503 tells a client to wait while the GPUs cannot be read: a driver needs longer. */
  static final Duration GPU_RETRY_AFTER = Duration.ofSeconds(10);

  private ApiLimits() {}
}
