package io.gpurunner.api;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Port: what jobs print. The agent implements it. {@link #open} and {@link Reading#read} may block.
 * Thread-safe; a reading is for one thread at a time.
 */
public interface Logs {
  /**
   * Opens a reading of a job's output.
   *
   * @throws RequestRefusedException NOT_FOUND for no such job or another user's job, BAD_REQUEST
   *     for a run that the job has not had
   */
  Reading open(Caller caller, JobId id, LogQuery query);

  /** A reading of a job's output, run after run. */
  interface Reading {
    /** Returns whether {@link #read} would bring something now. Never blocks. */
    boolean isReady();

    /** Reads on. Does not wait for more to be printed. */
    Batch read();
  }

  /**
   * What one call has read.
   *
   * @param pieces in order; the list can be empty
   * @param next what the reader does after it
   */
  record Batch(List<Piece> pieces, Next next) {}

  /** What a reader does after a batch. */
  enum Next {
    /** More can be read now. */
    READ,
    /** More comes when the job goes on. */
    WAIT,
    /** Nothing follows. */
    END
  }

  /** A piece of a reading. */
  sealed interface Piece {
    /** What the job printed: a line with its newline, or a part of a long line. */
    final class Printed implements Piece {
      private final int attempt;
      private final long seq;
      private final Instant at;
      private final String stream;
      private final boolean partial;
      private final byte[] bytes;

      /**
       * @param attempt the number of the run
       * @param seq the number of the piece in the run's log
       * @param stream {@code stdout} or {@code stderr}
       * @param partial whether its line goes on in a later piece
       */
      public Printed(
          int attempt, long seq, Instant at, String stream, boolean partial, byte[] bytes) {
        this.attempt = attempt;
        this.seq = seq;
        this.at = at;
        this.stream = stream;
        this.partial = partial;
        this.bytes = bytes;
      }

      public int attempt() {
        return attempt;
      }

      public long seq() {
        return seq;
      }

      public Instant at() {
        return at;
      }

      public String stream() {
        return stream;
      }

      public boolean partial() {
        return partial;
      }

      /** Returns the piece's own bytes, which nobody changes. */
      public byte[] bytes() {
        return bytes;
      }
    }

    /** Output is missing here, for the reason that the text gives. */
    record Gap(int attempt, long seq, String text) implements Piece {}

    /** A sentence of the agent: what the job waits for, or that another run begins. */
    record Note(String text) implements Piece {}

    /**
     * The job has ended. It is the last piece.
     *
     * @param state the job's state, {@code SUCCEEDED}, {@code FAILED} or {@code DELETED}
     * @param reason why it failed
     */
    record Ended(String state, Optional<String> reason) implements Piece {}
  }
}
