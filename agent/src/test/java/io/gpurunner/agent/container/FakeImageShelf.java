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
  private boolean away;

  /** Puts an image here, under a name. */
  public synchronized void put(String name, String id, long bytes) {
    images.put(name, new Shelved(id, bytes));
    images.putIfAbsent(id, new Shelved(id, bytes));
  }

  /** A container uses the image. */
  public synchronized void use(String name) {
    used.add(name);
  }

  /** The container is gone. */
  public synchronized void useNoMore(String name) {
    used.remove(name);
  }

  /** Makes every call fail, as if the engine were away. */
  public synchronized void isAway(boolean away) {
    this.away = away;
  }

  /** Returns what was removed, in order. */
  public synchronized List<String> removed() {
    return List.copyOf(removed);
  }

  @Override
  public synchronized Optional<Shelved> find(String name) {
    requireThere();
    return Optional.ofNullable(images.get(name));
  }

  @Override
  public synchronized boolean remove(String name) {
    requireThere();
    Shelved image = images.get(name);
    if (image == null || used.contains(name) || (name.equals(image.id()) && isNamed(image))) {
      return false;
    }
    images.remove(name);
    removed.add(name);
    if (!isNamed(image)) {
      images.remove(image.id());
    }
    return true;
  }

  private boolean isNamed(Shelved image) {
    return images.entrySet().stream()
        .anyMatch(
            other ->
                other.getValue().id().equals(image.id()) && !other.getKey().equals(image.id()));
  }

  private void requireThere() {
    if (away) {
      throw new ContainerException(ContainerException.Kind.UNREACHABLE, "the engine is away");
    }
  }
}
