package io.gpurunner.agent.container;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Chooses which processes of a container get its stop signal (docs/adr/016). Pure.
 *
 * <ul>
 *   <li>The topmost processes that catch the signal get it. What is below such a process is its own
 *       to end: a trainer ends its data loaders, torchrun ends its trainers.
 *   <li>A process that does not catch the signal would only die of it: a plain shell, {@code tee}.
 *       It is spared, so that the container outlives the programs that save their state.
 *   <li>A shell that catches the signal runs its trap only after the program that it waits for in
 *       the foreground. So that program gets the signal too, and if nothing in it catches the
 *       signal, all of it does.
 *   <li>{@code mpirun} would kill its ranks two seconds later. So they get the signal themselves,
 *       and it gets the signal only if none of them catches it.
 *   <li>If no process catches the signal and none ignores it, all get it.
 * </ul>
 */
public final class StopTargets {
  /**
   * A shell lets what it starts in the background ignore this signal (POSIX, Shell Command
   * Language, 2.11 and 2.9.3.1). So what does not ignore it runs in the foreground.
   */
  private static final int SIGQUIT = 3;

  private final Map<Long, List<ContainerProcess>> children;
  private final StopSignal signal;
  private final Set<ProcessKey> before;
  private final Set<ContainerProcess> targets = new LinkedHashSet<>();
  private final Set<ProcessKey> reached;

  private StopTargets(List<ContainerProcess> all, StopSignal signal, Set<ProcessKey> before) {
    this.children = all.stream().collect(Collectors.groupingBy(ContainerProcess::parent));
    this.signal = signal;
    this.before = before;
    this.reached = new HashSet<>(before);
  }

  /** The processes that get the signal now, and those that were reached with them or before. */
  public record Choice(List<ContainerProcess> targets, Set<ProcessKey> reached) {
    public Choice {
      targets = List.copyOf(targets);
      reached = Set.copyOf(reached);
    }
  }

  /**
   * Chooses among the processes that were not reached before.
   *
   * @param all the container's processes; the first is its init
   * @param before the processes that were reached before
   */
  public static Choice of(List<ContainerProcess> all, StopSignal signal, Set<ProcessKey> before) {
    StopTargets choosing = new StopTargets(all, signal, before);
    all.stream().findFirst().ifPresent(choosing::choose);
    return new Choice(new ArrayList<>(choosing.targets), choosing.reached);
  }

  /** Returns the first process that ignores the signal, if there is one. */
  public static Optional<ContainerProcess> ignoring(List<ContainerProcess> all, StopSignal signal) {
    return all.stream().filter(process -> process.ignores(signal.number())).findFirst();
  }

  private void choose(ContainerProcess process) {
    if (before.contains(process.key())) {
      reachBelow(process);
    } else if (process.catches(signal)) {
      switch (process.role()) {
        case PROGRAM -> reach(process);
        case SHELL -> {
          reach(process);
          chooseForeground(process);
        }
        case HASTY_LAUNCHER -> chooseBelow(process);
      }
    } else {
      childrenOf(process).forEach(this::choose);
    }
  }

  private void reach(ContainerProcess process) {
    target(process);
    reachBelow(process);
  }

  private void chooseBelow(ContainerProcess launcher) {
    int chosen = targets.size();
    childrenOf(launcher).forEach(this::choose);
    if (targets.size() == chosen) {
      target(launcher);
    }
    reachBelow(launcher);
  }

  private void chooseForeground(ContainerProcess shell) {
    List<ContainerProcess> foreground =
        childrenOf(shell).filter(child -> isForeground(child, shell)).toList();
    int chosen = targets.size();
    foreground.forEach(this::choose);
    if (targets.size() == chosen) {
      foreground.stream().flatMap(this::tree).forEach(this::target);
    }
  }

  private static boolean isForeground(ContainerProcess child, ContainerProcess shell) {
    return !child.ignores(SIGQUIT) || shell.ignores(SIGQUIT);
  }

  private void target(ContainerProcess process) {
    targets.add(process);
    reached.add(process.key());
  }

  private void reachBelow(ContainerProcess process) {
    tree(process).map(ContainerProcess::key).forEach(reached::add);
  }

  private Stream<ContainerProcess> tree(ContainerProcess process) {
    return Stream.concat(Stream.of(process), childrenOf(process).flatMap(this::tree));
  }

  private Stream<ContainerProcess> childrenOf(ContainerProcess process) {
    return children.getOrDefault(process.key().pid(), List.of()).stream();
  }
}
