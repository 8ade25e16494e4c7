package io.gpurunner.api;

import java.time.Duration;

/** The limits of the HTTP side that do not depend on the configuration. Immutable. */
public final class ApiLimits {
  /** The largest request body. A larger one is answered with 413. */
  public static final int MAX_BODY_BYTES = 1 << 20;

  /**
   * The largest size of all bodies that are held in memory at a time. Beyond it, new bodies get
   * 503.
   */
  public static final long MAX_BUFFERED_BODY_BYTES = 32L << 20;

  /** The part of it that the bodies of one user take. Beyond it, new ones get 429. */
  static final long MAX_BUFFERED_BODY_BYTES_OF_A_USER = 8L << 20;

  /** The number of requests of one user that are worked on at a time. Others of his wait. */
  static final int MAX_REQUESTS_OF_A_USER = 16;

  /** The number of requests of one user that wait for his others. Beyond it, new ones get 429. */
  static final int MAX_WAITING_REQUESTS_OF_A_USER = 256;

  /**
   * How much of a body may still arrive after its request was answered. Beyond it, the connection
   * is closed.
   */
  public static final long MAX_DISCARDED_BODY_BYTES = 8L << 20;

  /** The number of connections that are open at a time. */
  static final int MAX_CONNECTIONS = 4096;

  /** The time until the head of a connection's first request has arrived. */
  static final Duration FIRST_REQUEST_LIMIT = Duration.ofSeconds(10);

  public static final int MAX_REQUEST_LINE_BYTES = 8 << 10;
  public static final int MAX_HEADER_BYTES = 16 << 10;

  /** The longest token that is looked at. */
  public static final int MAX_TOKEN_CHARACTERS = 4 << 10;

  /**
   * The longest user name in UTF-16 units, of issued tokens and of received ones. It is less than
   * the ledger's columns hold (200).
   */
  public static final int MAX_USER_CHARACTERS = 128;

  /** The longest token id ({@code jti}). */
  public static final int MAX_TOKEN_ID_CHARACTERS = 128;

  /**
   * The number of verified tokens that are remembered, so that a busy client's signature is not
   * computed at every request.
   */
  static final int MAX_REMEMBERED_TOKENS = 1024;

  public static final int MAX_IDEMPOTENCY_KEY_CHARACTERS = 255;
  public static final int DEFAULT_PAGE_SIZE = 10;

  /** The most jobs that a list has. A client that asks for more gets so many. */
  public static final int MAX_PAGE_SIZE = 1000;

  public static final int MAX_PAGE = 1_000_000;

  /** How deep objects and lists may be nested in a body. */
  public static final int MAX_JSON_DEPTH = 32;

  /** The largest number of values of all kinds in one body. */
  public static final int MAX_JSON_VALUES = 10_000;

  public static final int MAX_JSON_NUMBER_CHARACTERS = 100;
  public static final int MAX_JSON_NAME_CHARACTERS = 1024;

  /** The number of wrong fields that one answer names. Further ones are counted. */
  public static final int MAX_REPORTED_ERRORS = 50;

  /** The number of pieces of files that are read at a time for downloads. Others wait. */
  static final int MAX_FILE_READS = 8;

  /** The number of scrapes of the metrics that are worked on at a time, at each address. */
  static final int MAX_SCRAPES = 4;

  /** The number of connections that are open at a time to an address that has only metrics. */
  static final int MAX_SCRAPE_CONNECTIONS = 16;

  /**
   * The number of lists of a job's artifacts that are created and sent at a time; one for a user.
   */
  static final int MAX_ARTIFACT_LISTS = 4;

  /** The number of streams of server-sent events that are open at a time. */
  static final int MAX_EVENT_STREAMS = 256;

  /** The number of streams that a user has open at a time. */
  static final int MAX_EVENT_STREAMS_OF_A_USER = 16;

  /** The length of the events that are held back for a client that does not read. */
  static final int MAX_HELD_EVENT_BYTES = 256 << 10;

  /** The number of events that wait for the event loop. */
  static final int MAX_EVENTS_ON_THEIR_WAY = 10_000;

  /** How long a client may take nothing of a log that is sent to it. */
  static final Duration UNREAD_LOG_LIMIT = Duration.ofMinutes(5);

  /** The time between two comments on a stream on which nothing else is sent. */
  static final Duration EVENT_HEARTBEAT = Duration.ofSeconds(15);

  /** The time that a client waits who has too many streams open. */
  static final Duration STREAM_RETRY_AFTER = Duration.ofSeconds(10);

  /** The time that 503 tells a client to wait. */
  static final Duration RETRY_AFTER = Duration.ofSeconds(1);

  /**
   * The time that 503 tells a client to wait while the GPUs cannot be read. A driver needs longer.
   */
  static final Duration GPU_RETRY_AFTER = Duration.ofSeconds(10);

  /** The time after which a changed certificate or key is noticed. */
  static final Duration TLS_FILES_INTERVAL = Duration.ofSeconds(10);

  private ApiLimits() {}
}
