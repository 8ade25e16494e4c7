package io.gpurunner.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;

/** A log of one run that tests write to while clients read it. Thread-safe. */
final class FakeLogs implements Logs {
  final AtomicInteger readings = new AtomicInteger();
  private final List<Piece> pieces = new ArrayList<>();
  private boolean ended;
  volatile Optional<LogQuery> asked = Optional.empty();
  volatile Optional<RuntimeException> failure = Optional.empty();

  /** Adds a line that the job printed. */
  synchronized void print(String line) {
    print((line + "\n").getBytes(UTF_8), "stdout", false);
  }

  synchronized void print(byte[] bytes, String stream, boolean partial) {
    pieces.add(new Piece.Printed(1, pieces.size(), ApiFixture.NOW, stream, partial, bytes));
  }

  synchronized void add(Piece piece) {
    pieces.add(piece);
  }

  /** Ends the job. */
  synchronized void end() {
    pieces.add(new Piece.Ended("FAILED", Optional.of("exit code 1")));
    ended = true;
  }

  @Override
  public Reading open(Caller caller, JobId id, LogQuery query) {
    asked = Optional.of(query);
    if (!caller.user().startsWith("ann")) {
      throw new RequestRefusedException(
          RequestRefusedException.Kind.NOT_FOUND, "job_id: no such job: " + id);
    }
    readings.incrementAndGet();
    int first = query.after().map(place -> (int) place.seq() + 1).orElse(0);
    return new Reading() {
      private int next = first;

      @Override
      public boolean isReady() {
        synchronized (FakeLogs.this) {
          return next < pieces.size();
        }
      }

      @Override
      public Batch read() {
        failure.ifPresent(
            fault -> {
              throw fault;
            });
        synchronized (FakeLogs.this) {
          int end = Math.min(pieces.size(), next + 100);
          List<Piece> read = List.copyOf(pieces.subList(next, end));
          next = end;
          boolean isOver = next == pieces.size() && (ended || !query.follow());
          return new Batch(read, isOver ? Next.END : next < pieces.size() ? Next.READ : Next.WAIT);
        }
      }
    };
  }
}
