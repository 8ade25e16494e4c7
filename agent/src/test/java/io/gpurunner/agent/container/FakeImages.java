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
  private interface Failure {
    ContainerException of(String image);
  }

  private static final long POLL_NANOS = 1_000_000;

  private final Map<String, List<Failure>> failures = new HashMap<>();
  private final Set<String> hanging = new HashSet<>();
  private final Set<String> present = new HashSet<>();
  private final List<String> pulls = new ArrayList<>();

  /** Makes one more of the next pulls of this image fail. */
  public void failNext(String image, Kind kind, String message) {
    failNext(image, _ -> new ContainerException(kind, message));
  }

  /**
   * Makes one more of the next pulls of this image fail.
   *
   * @param text what the registry says
   */
  public void failNext(String image, PullFault fault, String text) {
    failNext(image, name -> ContainerException.of(fault, "pulling " + name, text));
  }

  private synchronized void failNext(String image, Failure failure) {
    failures.computeIfAbsent(image, any -> new ArrayList<>()).add(failure);
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
  public Found ensurePresent(
      ImageReference reference, RegistryAccess access, Cancellation cancellation) {
    String image = reference.toString();
    if (isPresent(image)) {
      return found();
    }
    access.requireAllowed(reference);
    beginPull(image);
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

  private synchronized boolean isPresent(String image) {
    return present.contains(image);
  }

  private synchronized void beginPull(String image) {
    pulls.add(image);
  }

  private synchronized boolean isHanging(String image) {
    return hanging.contains(image);
  }

  private synchronized void finishPull(String image) {
    List<Failure> waiting = failures.getOrDefault(image, List.of());
    if (!waiting.isEmpty()) {
      throw waiting.removeFirst().of(image);
    }
    present.add(image);
  }
}
