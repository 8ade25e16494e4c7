package io.gpurunner.agent.container;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Images in memory: names, each with its image. Thread-safe. */
public final class FakeImageShelf implements ImageShelf {
  private final Map<String, Shelved> images = new LinkedHashMap<>();
  private final List<String> used = new ArrayList<>();
  private final List<String> removed = new ArrayList<>();

  /** Puts an image here, under a name. */
  public synchronized void put(String name, String id, long bytes) {
    images.put(name, new Shelved(id, bytes));
    images.putIfAbsent(id, new Shelved(id, bytes));
  }

  /** A container uses the image. */
  public synchronized void use(String name) {
    used.add(name);
  }

  /** Returns what was removed, in order. */
  public synchronized List<String> removed() {
    return List.copyOf(removed);
  }

  @Override
  public synchronized Optional<Shelved> find(String name) {
    return Optional.ofNullable(images.get(name));
  }

  @Override
  public synchronized boolean remove(String name) {
    Shelved image = images.get(name);
    if (image == null || used.contains(name)) {
      return false;
    }
    images.remove(name);
    removed.add(name);
    boolean named =
        images.entrySet().stream()
            .anyMatch(
                other ->
                    other.getValue().id().equals(image.id()) && !other.getKey().equals(image.id()));
    if (!named) {
      images.remove(image.id());
    }
    return true;
  }
}
