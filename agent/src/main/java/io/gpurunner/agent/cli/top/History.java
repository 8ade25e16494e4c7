package io.gpurunner.agent.cli.top;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The figures of the last minutes, which the sparklines show. Only GPUs of the newest picture are
 * in it. Immutable.
 */
final class History {
  /** How many pictures are remembered. */
  static final int MOST_SAMPLES = 200;

  static final History NONE = new History(Map.of());

  private final Map<Key, List<Optional<Double>>> samples;

  /** A figure of a GPU. */
  private record Key(String gpu, Figure figure) {}

  private History(Map<Key, List<Optional<Double>>> samples) {
    this.samples = Map.copyOf(samples);
  }

  /** Returns the history with one more picture. */
  History with(Picture picture) {
    Map<Key, List<Optional<Double>>> longer = new HashMap<>();
    for (Gpu gpu : picture.gpus()) {
      for (Figure figure : Figure.values()) {
        Key key = new Key(gpu.uuid(), figure);
        List<Optional<Double>> all = new ArrayList<>(samples.getOrDefault(key, List.of()));
        all.add(gpu.reading(figure).share());
        longer.put(
            key, List.copyOf(all.subList(Math.max(0, all.size() - MOST_SAMPLES), all.size())));
      }
    }
    return new History(longer);
  }

  /** Returns the shares of a figure, the newest last. */
  List<Optional<Double>> of(Gpu gpu, Figure figure) {
    return samples.getOrDefault(new Key(gpu.uuid(), figure), List.of());
  }
}
