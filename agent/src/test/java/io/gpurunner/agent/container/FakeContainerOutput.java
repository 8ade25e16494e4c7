package io.gpurunner.agent.container;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.gpurunner.agent.container.ContainerException.Kind;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * Holds the output of containers in memory. Each line is a piece, and each piece has a time of its
 * own. Thread-safe.
 */
public final class FakeContainerOutput implements ContainerOutput {
  private static final Duration BETWEEN_PIECES = Duration.ofMillis(1);

  private final Map<String, Printed> containers = new HashMap<>();
  private Instant next = Instant.parse("2026-01-01T00:00:00Z");
  private Optional<Kind> failure = Optional.empty();
  private boolean failsAlways;
  private boolean holdsHeads;
  private int waiting;
  private final List<Boolean> asked = new ArrayList<>();

  /** What a container has printed. */
  private static final class Printed {
    final List<OutputPiece> pieces = new ArrayList<>();
    final Map<String, String> files = new HashMap<>();
    int dropped;
    int interruptions;
    boolean ended;

    /** Where a record was written in part. Readings that come to it end there. */
    OptionalInt broken = OptionalInt.empty();

    /** Whether readings that follow miss the last piece. */
    boolean lastIsMissed;
  }

  private Printed container(ContainerName name) {
    return containers.computeIfAbsent(name.toString(), _ -> new Printed());
  }

  /** Adds text to what the container has printed on standard output. */
  public void print(ContainerName name, String text) {
    for (String line : text.split("(?<=\n)", -1)) {
      if (!line.isEmpty()) {
        print(name, OutputPiece.Stream.STDOUT, line.getBytes(UTF_8));
      }
    }
  }

  /** Adds a piece to what the container has printed. */
  public synchronized void print(ContainerName name, OutputPiece.Stream stream, byte[] bytes) {
    next = next.plus(BETWEEN_PIECES);
    printAt(name, next, stream, bytes);
  }

  /** Adds a piece with any time. */
  public synchronized void printAt(
      ContainerName name, Instant at, OutputPiece.Stream stream, byte[] bytes) {
    container(name).pieces.add(new OutputPiece(at, stream, bytes));
    notifyAll();
  }

  /** Drops the oldest pieces that are there, as an engine does that rotates its files. */
  public synchronized void drop(ContainerName name, int count) {
    container(name).dropped += count;
  }

  /** Leaves a record in part, as an engine does that is killed while it writes it. */
  public synchronized void breakRecord(ContainerName name) {
    container(name).broken = OptionalInt.of(container(name).pieces.size());
  }

  /** Ends all readings that follow, as some engines do while the container runs. */
  public synchronized void interrupt(ContainerName name) {
    container(name).interruptions++;
    notifyAll();
  }

  /** Ends the container, and so the readings that follow it. */
  public synchronized void end(ContainerName name) {
    container(name).ended = true;
    notifyAll();
  }

  /** Ends the container. Readings that follow miss its last piece, as some engines have it. */
  public synchronized void endAfter(ContainerName name, String lastPiece) {
    container(name).lastIsMissed = true;
    print(name, lastPiece);
    end(name);
  }

  /** Returns for each reading that the engine was asked for whether it followed, in order. */
  public synchronized List<Boolean> asked() {
    return List.copyOf(asked);
  }

  /** Returns how many readings wait for the beginning of the engine's answer. */
  public synchronized int waiting() {
    return waiting;
  }

  /** Puts a file into the container. */
  public synchronized void place(ContainerName name, String path, String content) {
    container(name).files.put(path, content);
  }

  /** Removes the container and its output. */
  public synchronized void forget(ContainerName name) {
    containers.remove(name.toString());
    notifyAll();
  }

  /** Makes the next call fail. */
  public synchronized void failNext(Kind kind) {
    failure = Optional.of(kind);
  }

  /** Makes every call fail from now on. */
  public synchronized void failAlways(Kind kind) {
    failure = Optional.of(kind);
    failsAlways = true;
  }

  /** Makes calls work again. */
  public synchronized void recover() {
    failure = Optional.empty();
    failsAlways = false;
    holdsHeads = false;
    notifyAll();
  }

  /** Makes readings that begin wait for an answer of the engine, until they are closed. */
  public synchronized void holdHeads() {
    holdsHeads = true;
  }

  @Override
  public OutputReading read(ContainerRef container, Part part, boolean follow) {
    return new Reading(container, part, follow);
  }

  private Printed present(ContainerRef container) {
    Printed printed = containers.get(container.name().toString());
    if (printed == null) {
      throw new ContainerException(Kind.ABSENT, "No such container: " + container.name());
    }
    return printed;
  }

  @Override
  public synchronized Optional<byte[]> head(ContainerRef container, String path, int bytesLimit) {
    throwIfToFail();
    return Optional.ofNullable(present(container).files.get(path))
        .map(content -> content.getBytes(UTF_8))
        .map(bytes -> Arrays.copyOf(bytes, Math.min(bytes.length, bytesLimit)));
  }

  private void throwIfToFail() {
    if (failure.isPresent()) {
      Kind kind = failure.get();
      failure = failsAlways ? failure : Optional.empty();
      throw new ContainerException(kind, "the output was made to fail");
    }
  }

  private final class Reading implements OutputReading {
    private final ContainerRef container;
    private final Part part;
    private final boolean follow;
    private @Nullable Printed begun;
    private int interruptions;
    private boolean meetsBroken;
    private int at;
    private boolean closed;

    Reading(ContainerRef container, Part part, boolean follow) {
      this.container = container;
      this.part = part;
      this.follow = follow;
    }

    /** Asks the engine, as late as a real one is asked. */
    private Printed printed() {
      if (begun != null) {
        return begun;
      }
      waiting++;
      while (holdsHeads && !closed) {
        await();
      }
      waiting--;
      throwIfClosed();
      throwIfToFail();
      Printed printed = present(container);
      asked.add(follow);
      int wanted =
          switch (part) {
            case Part.All() -> Integer.MAX_VALUE;
            case Part.Last(int pieces) -> pieces;
          };
      at = Math.max(printed.dropped, printed.pieces.size() - wanted);
      meetsBroken =
          printed.broken.isPresent() && wanted > printed.pieces.size() - printed.broken.getAsInt();
      interruptions = printed.interruptions;
      begun = printed;
      return printed;
    }

    private void throwIfClosed() {
      if (closed) {
        throw new ContainerException(Kind.UNREACHABLE, "the reading was closed");
      }
    }

    private @Nullable OutputPiece here(Printed printed) {
      int all = printed.pieces.size() - (follow && printed.lastIsMissed ? 1 : 0);
      int end = meetsBroken ? printed.broken.orElseThrow() : all;
      return at < end ? printed.pieces.get(at) : null;
    }

    @Override
    public Optional<OutputPiece> next() {
      synchronized (FakeContainerOutput.this) {
        throwIfClosed();
        Printed printed = printed();
        OutputPiece piece = here(printed);
        while (piece == null && follow && !closed && !isOver(printed)) {
          await();
          piece = here(printed);
        }
        throwIfClosed();
        if (piece != null) {
          at++;
        }
        return Optional.ofNullable(piece);
      }
    }

    private boolean isOver(Printed printed) {
      return printed.ended
          || meetsBroken
          || printed.interruptions > interruptions
          || !containers.containsValue(printed);
    }

    private void await() {
      try {
        FakeContainerOutput.this.wait();
      } catch (InterruptedException e) {
        throw new AssertionError("nothing interrupts a thread here", e);
      }
    }

    @Override
    public boolean hasMore() {
      synchronized (FakeContainerOutput.this) {
        return begun != null && here(begun) != null;
      }
    }

    @Override
    public void close() {
      synchronized (FakeContainerOutput.this) {
        closed = true;
        FakeContainerOutput.this.notifyAll();
      }
    }
  }
}
