package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.model.PullResponseItem;
import com.github.dockerjava.api.model.ResponseItem.ProgressDetail;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The engine's reports while it pulls an image. Thread-safe. */
final class PullProgress extends StreamCallback<PullResponseItem> {
  /** The largest number of layers that are counted. An image has at most 127. */
  private static final int LAYERS_LIMIT = 512;

  private static final double BYTES_PER_MEGABYTE = 1_000_000;
  private static final double NANOS_PER_SECOND = 1_000_000_000;

  /** How the engine begins its words for a layer that is waited for. */
  private static final String RETRYING = "Retrying";

  /** How the engine begins its words for the tag, which has an id as layers have. */
  private static final String OF_TAG = "Pulling from";

  /**
   * What is known of a layer.
   *
   * @param loaded the bytes that are here
   * @param size the bytes of the whole layer, once the engine has said so
   */
  private record Layer(long loaded, long size, boolean done) {}

  private final long beganNanos = System.nanoTime();
  private final Map<String, Layer> layers = new LinkedHashMap<>();

  /** The last report of each layer, by which a repeated one is known. */
  private final Map<String, String> reports = new HashMap<>();

  private long movedNanos = System.nanoTime();
  private boolean begun;
  private String lastWord = "nothing";
  private @Nullable String refusal;

  @Override
  public synchronized void onNext(PullResponseItem item) {
    if (item.getErrorDetail() != null && item.getErrorDetail().getMessage() != null) {
      refusal = item.getErrorDetail().getMessage();
      return;
    }
    String status = item.getStatus();
    if (status == null) {
      return;
    }
    begun = true;
    // The engine repeats its words while it waits for a registry. That is no progress.
    boolean isOfLayer = item.getId() != null && !status.startsWith(OF_TAG);
    boolean isNews = isOfLayer ? note(item, status) : !status.equals(lastWord);
    if (isNews && !status.startsWith(RETRYING)) {
      movedNanos = System.nanoTime();
    }
    lastWord = EngineErrors.bounded(status);
  }

  /** Notes what a report says of a layer. Returns whether it says anything new. */
  private boolean note(PullResponseItem item, String status) {
    String id = item.getId();
    if (id == null || (!layers.containsKey(id) && layers.size() >= LAYERS_LIMIT)) {
      return false;
    }
    Layer before = layers.getOrDefault(id, new Layer(0, 0, false));
    layers.put(id, after(before, status, item.getProgressDetail()));
    ProgressDetail detail = item.getProgressDetail();
    String report = status + " " + (detail == null ? "" : detail.getCurrent());
    return !report.equals(reports.put(id, report));
  }

  private static Layer after(Layer before, String status, @Nullable ProgressDetail detail) {
    return switch (status) {
      case "Pull complete", "Already exists" -> new Layer(before.size, before.size, true);
      case "Download complete" -> new Layer(before.size, before.size, before.done);
      case "Downloading" ->
          detail == null || detail.getCurrent() == null
              ? before
              : new Layer(
                  detail.getCurrent(),
                  detail.getTotal() == null ? before.size : detail.getTotal(),
                  false);
      default -> before;
    };
  }

  /** Returns how far the pull is: layers, bytes and speed. */
  synchronized String words() {
    long done = layers.values().stream().filter(Layer::done).count();
    double loaded = layers.values().stream().mapToLong(Layer::loaded).sum();
    double size = layers.values().stream().mapToLong(Layer::size).sum();
    double seconds = (System.nanoTime() - beganNanos) / NANOS_PER_SECOND;
    return layers.isEmpty()
        ? "pulls the image: waits for the registry"
        : String.format(
            Locale.ROOT,
            "pulls the image: %d of %d layers, %.1f of %.1f MB, %.1f MB/s",
            done,
            layers.size(),
            loaded / BYTES_PER_MEGABYTE,
            size / BYTES_PER_MEGABYTE,
            loaded / BYTES_PER_MEGABYTE / Math.max(seconds, 1));
  }

  synchronized long stalledNanos() {
    return System.nanoTime() - movedNanos;
  }

  /** Returns whether the registry has answered. */
  synchronized boolean hasBegun() {
    return begun;
  }

  synchronized String lastWord() {
    return lastWord;
  }

  /** Returns an error that came in the stream, after status 200. */
  synchronized Optional<String> refusal() {
    return Optional.ofNullable(refusal);
  }
}
