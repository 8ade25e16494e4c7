package io.gpurunner.agent.container;

import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.api.ImageReference;
import io.gpurunner.storage.Cancellation;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/** Holds images in memory. A pull succeeds at once unless the test sets otherwise. Thread-safe. */
public final class FakeImages implements Images {
  private record Failure(Kind kind, String message) {}

  private static final long POLL_NANOS = 1_000_000;

  private final Map<String, List<Failure>> failures = new HashMap<>();
  private final Set<String> hanging = new HashSet<>();
  private final Set<String> present = new HashSet<>();
  private final List<String> pulls = new ArrayList<>();

  /** Makes one more of the next pulls of this image fail. */
  public synchronized void failNext(String image, Kind kind, String message) {
    failures.computeIfAbsent(image, any -> new ArrayList<>()).add(new Failure(kind, message));
  }

  /** Sets whether a pull of this image hangs until it is cancelled or released. */
  public synchronized void hang(String image, boolean hangs) {
    if (hangs) {
      hanging.add(image);
    } else {
      hanging.remove(image);
    }
  }

  /** Returns every pull that was begun, in order. */
  public synchronized List<String> pulls() {
    return List.copyOf(pulls);
  }

  @Override
  public Found ensurePresent(ImageReference reference, Cancellation cancellation) {
    String image = reference.toString();
    if (!beginPull(image)) {
      return found();
    }
    while (isHanging(image)) {
      if (cancellation.isCancelled()) {
        throw new ContainerException(Kind.CANCELLED, "pulling " + image + ": cancelled");
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
    finishPull(image);
    return found();
  }

  private static Found found() {
    String digest = "sha256:" + "0".repeat(64);
    return new Found(digest, digest, false, Optional.empty());
  }

  @Override
  public Optional<String> progress(ImageReference image) {
    return isHanging(image.toString()) ? Optional.of("pulls the image") : Optional.empty();
  }

  private synchronized boolean beginPull(String image) {
    if (present.contains(image)) {
      return false;
    }
    pulls.add(image);
    return true;
  }

  private synchronized boolean isHanging(String image) {
    return hanging.contains(image);
  }

  private synchronized void finishPull(String image) {
    List<Failure> waiting = failures.getOrDefault(image, List.of());
    if (!waiting.isEmpty()) {
      Failure failure = waiting.removeFirst();
      throw new ContainerException(failure.kind(), failure.message());
    }
    present.add(image);
  }
}
