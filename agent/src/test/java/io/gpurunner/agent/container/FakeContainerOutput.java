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

  /** What a container has printed. */
  private static final class Printed {
    final List<OutputPiece> pieces = new ArrayList<>();
    final Map<String, String> files = new HashMap<>();
    int dropped;
    int interruptions;
    boolean ended;
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
  }

  @Override
  public synchronized OutputReading read(ContainerRef container, Part part, boolean follow) {
    throwIfToFail();
    Printed printed = present(container);
    int first =
        switch (part) {
          case Part.All() -> printed.dropped;
          case Part.Last(int pieces) -> Math.max(printed.dropped, printed.pieces.size() - pieces);
        };
    return new Reading(printed, first, follow);
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
    private final Printed printed;
    private final boolean follow;
    private final int interruptions;
    private int at;
    private boolean closed;

    Reading(Printed printed, int at, boolean follow) {
      this.printed = printed;
      this.at = at;
      this.follow = follow;
      this.interruptions = printed.interruptions;
    }

    private @Nullable OutputPiece here() {
      return at < printed.pieces.size() ? printed.pieces.get(at) : null;
    }

    @Override
    public Optional<OutputPiece> next() {
      synchronized (FakeContainerOutput.this) {
        OutputPiece piece = here();
        while (piece == null && follow && !closed && !isOver()) {
          await();
          piece = here();
        }
        if (closed) {
          throw new ContainerException(Kind.UNREACHABLE, "the reading was closed");
        }
        if (piece != null) {
          at++;
        }
        return Optional.ofNullable(piece);
      }
    }

    private boolean isOver() {
      return printed.ended
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
        return here() != null;
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
