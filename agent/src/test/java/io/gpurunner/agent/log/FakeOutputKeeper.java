package io.gpurunner.agent.log;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerRef;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Keeps nothing, and notes what it is asked for. For one thread. */
public final class FakeOutputKeeper implements OutputKeeper {
  private final List<String> journal = new ArrayList<>();
  private final List<Duration> limits = new ArrayList<>();
  private Optional<Kind> failure = Optional.empty();

  /** Makes every call that can fail do so from now on. */
  public void failAlways(Kind kind) {
    failure = Optional.of(kind);
  }

  /** Makes calls work again. */
  public void recover() {
    failure = Optional.empty();
  }

  /** Returns what was asked for, without repetitions of the same: {@code finish x}. */
  public List<String> journal() {
    return journal.stream().distinct().toList();
  }

  /** Returns the limits of the calls of {@link #finish}. */
  public List<Duration> limits() {
    return List.copyOf(limits);
  }

  @Override
  public void follow(ContainerRef container, Path directory) {
    journal.add("follow " + container.name());
  }

  @Override
  public void finish(ContainerRef container, Path directory, Duration limit) {
    limits.add(limit);
    failIfToFail();
    journal.add("finish " + container.name());
  }

  @Override
  public void abandon(ContainerRef container, Path directory) {
    failIfToFail();
    journal.add("abandon " + container.name());
  }

  private void failIfToFail() {
    failure.ifPresent(
        kind -> {
          throw new ContainerException(kind, "the keeper was made to fail");
        });
  }
}
