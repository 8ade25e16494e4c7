package io.gpurunner.agent.container;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.gpurunner.agent.container.ContainerException.Kind;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Holds the output of containers in memory. Following ends at once. Thread-safe. */
public final class FakeContainerOutput implements ContainerOutput {
  private final Map<String, String> texts = new HashMap<>();
  private final Map<String, Map<String, String>> files = new HashMap<>();
  private Optional<Kind> failure = Optional.empty();
  private boolean failsAlways;

  /** Adds text to what the container has printed. */
  public synchronized void print(ContainerName name, String text) {
    texts.merge(name.toString(), text, String::concat);
  }

  /** Puts a file into the container. */
  public synchronized void place(ContainerName name, String path, String content) {
    print(name, "");
    files.computeIfAbsent(name.toString(), any -> new HashMap<>()).put(path, content);
  }

  /** Removes the container and its output. */
  public synchronized void forget(ContainerName name) {
    texts.remove(name.toString());
    files.remove(name.toString());
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

  @Override
  public synchronized void save(ContainerRef container, Path file) {
    throwIfToFail();
    String text = texts.get(container.name().toString());
    if (text == null) {
      return;
    }
    try {
      Files.writeString(file, text);
    } catch (IOException e) {
      throw new ContainerException(Kind.FAILED, "writing " + file + ": " + e.getMessage());
    }
  }

  @Override
  public synchronized void copy(
      ContainerName name, int tailLines, boolean follow, OutputStream to) {
    throwIfToFail();
    String text = texts.get(name.toString());
    if (text == null) {
      throw new ContainerException(Kind.ABSENT, "No such container: " + name);
    }
    List<String> lines = text.lines().toList();
    try {
      for (String line : lines.subList(Math.max(0, lines.size() - tailLines), lines.size())) {
        to.write((line + "\n").getBytes(UTF_8));
      }
      to.flush();
    } catch (IOException closedByCaller) {
      // Ends the copying.
    }
  }

  @Override
  public synchronized Optional<byte[]> head(ContainerRef container, String path, int bytesLimit) {
    throwIfToFail();
    String name = container.name().toString();
    if (!texts.containsKey(name)) {
      throw new ContainerException(Kind.ABSENT, "No such container: " + name);
    }
    return Optional.ofNullable(files.getOrDefault(name, Map.of()).get(path))
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
}
