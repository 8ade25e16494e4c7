package io.gpurunner.agent.container;

import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.api.JobId;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * A container engine in memory. Nothing in it waits: what a program does follows from the injected
 * clock alone, and tests move that clock. It keeps the same contract as Docker's adapter ({@link
 * ContainerRuntimeContract}). Thread-safe.
 */
public final class FakeContainerRuntime implements ContainerRuntime {
  /** The exit code of a process that SIGKILL ended, as shells and Docker count. */
  public static final int KILLED = 137;

  /** The exit code of a process that SIGTERM ended. */
  public static final int TERMINATED = 143;

  /**
   * A program that runs in a container.
   *
   * @param runsFor how long it runs by itself; empty if it runs until a signal
   * @param exitCode its exit code if it ends by itself
   * @param outOfMemory whether the kernel ends it because memory ran out
   * @param afterTerm how long after SIGTERM it ends; empty if it ignores SIGTERM
   * @param startRefusal why it cannot be started; empty if it can
   */
  public record Program(
      Optional<Duration> runsFor,
      int exitCode,
      boolean outOfMemory,
      Optional<Duration> afterTerm,
      Optional<String> startRefusal) {
    /** Returns a program that runs until it is signalled, and ends at once on SIGTERM. */
    public static Program untilSignalled() {
      return new Program(Optional.empty(), 0, false, Optional.of(Duration.ZERO), Optional.empty());
    }

    /** Returns a program that ends by itself. */
    public static Program endsAfter(Duration runsFor, int exitCode) {
      return new Program(
          Optional.of(runsFor), exitCode, false, Optional.of(Duration.ZERO), Optional.empty());
    }

    /** Returns a program whose start is refused. */
    public static Program cannotStart(String message) {
      return new Program(
          Optional.empty(), 0, false, Optional.of(Duration.ZERO), Optional.of(message));
    }

    /** Returns this program, but it ignores SIGTERM. */
    public Program ignoringTerm() {
      return new Program(runsFor, exitCode, outOfMemory, Optional.empty(), startRefusal);
    }

    /** Returns this program, but it ends only some time after SIGTERM. */
    public Program endingAfterTerm(Duration delay) {
      return new Program(runsFor, exitCode, outOfMemory, Optional.of(delay), startRefusal);
    }

    /** Returns this program, but at its end the kernel kills it for memory. */
    public Program killedForMemory() {
      return new Program(runsFor, KILLED, true, afterTerm, startRefusal);
    }
  }

  /** The calls that can be made to fail. */
  public enum Call {
    CREATE,
    START,
    INSPECT,
    SIGNAL,
    REMOVE,
    LIST
  }

  /** The moment at which a call fails. After the effect, the caller does not know of the effect. */
  public enum Moment {
    BEFORE_EFFECT,
    AFTER_EFFECT
  }

  private record Fault(Kind kind, Moment moment) {}

  private static final class Box {
    final String id;
    final ContainerSpec spec;
    final Program program;
    Optional<Instant> startedAt = Optional.empty();
    Optional<Instant> endsAt = Optional.empty();
    int exitCode;
    boolean outOfMemory;
    int runs = 1;
    boolean madeByAnother;
    String error = "";
    Observation.Activity activity = Observation.Activity.ACTIVE;

    Box(String id, ContainerSpec spec, Program program) {
      this.id = id;
      this.spec = spec;
      this.program = program;
    }
  }

  private final InstantSource clock;
  private final Map<JobId, Program> programs = new HashMap<>();
  private final Map<String, Box> boxes = new TreeMap<>();
  private final Map<Call, List<Fault>> faults = new EnumMap<>(Call.class);
  private final Set<String> missingImages = new HashSet<>();
  private final List<String> journal = new ArrayList<>();
  private final Set<ContainerName> removedOnceStarted = new HashSet<>();
  private boolean down;
  private int made;

  public FakeContainerRuntime(InstantSource clock) {
    this.clock = clock;
  }

  /** Sets what containers of this job will run; the default is {@link Program#untilSignalled}. */
  public synchronized void program(JobId job, Program program) {
    programs.put(job, program);
  }

  /** Makes every call fail as UNREACHABLE until the engine is up again. Containers go on. */
  public synchronized void down(boolean isDown) {
    down = isDown;
  }

  /** Makes one more of the next calls of this kind fail. */
  public synchronized void failNext(Call call, Kind kind, Moment moment) {
    faults.computeIfAbsent(call, any -> new ArrayList<>()).add(new Fault(kind, moment));
  }

  /** Puts another engine in the place of this one. Containers go on. */
  public synchronized void startEngineAnew() {
    boxes.values().forEach(box -> box.madeByAnother = true);
  }

  /** Makes creations from this image be refused. */
  public synchronized void imageIsMissing(String image) {
    missingImages.add(image);
  }

  /** Ends the container, as an administrator or the kernel would. */
  public synchronized void end(ContainerName name, int exitCode, boolean outOfMemory) {
    Box box = boxes.get(name.toString());
    if (box != null && runs(box)) {
      finish(box, clock.instant(), exitCode);
      box.outOfMemory = outOfMemory;
    }
  }

  /** Ends the container while its engine dies, so that nobody knows how and when it ended. */
  public synchronized void endUnheard(ContainerName name) {
    Box box = box(name);
    Instant started = box.startedAt.orElseThrow();
    box.endsAt = Optional.of(started);
    box.exitCode = ExitCodes.LOST_BY_ENGINE;
  }

  /** Makes the container look as the engine reports one whose start failed half-way. */
  public synchronized void failStart(ContainerName name, String error) {
    Box box = box(name);
    Instant now = clock.instant();
    box.startedAt = Optional.of(now);
    box.endsAt = Optional.of(now);
    box.exitCode = 127;
    box.error = error;
  }

  /** Pauses or thaws the container, or gives it a restart policy, as somebody else would. */
  public synchronized void activity(ContainerName name, Observation.Activity activity) {
    box(name).activity = activity;
  }

  /** Starts the container again, as somebody else would. */
  public synchronized void startAgain(ContainerName name) {
    Box box = box(name);
    Instant now = clock.instant();
    box.runs++;
    box.startedAt = Optional.of(now);
    box.endsAt = box.program.runsFor().map(now::plus);
  }

  /** Replaces the container by another one of that name, as somebody else would. */
  public synchronized void replace(ContainerName name) {
    Box box = box(name);
    made++;
    boxes.put(name.toString(), new Box(String.format("%064x", made), box.spec, box.program));
  }

  private Box box(ContainerName name) {
    return Optional.ofNullable(boxes.get(name.toString())).orElseThrow();
  }

  /** Renames the container, as somebody else would. */
  public synchronized void rename(ContainerName name, String engineName) {
    boxes.put(engineName, box(name));
    boxes.remove(name.toString());
  }

  /** Removes the container, as somebody else would. */
  public synchronized void vanish(ContainerName name) {
    boxes.remove(name.toString());
  }

  /** Makes somebody else remove the container right after it is started. */
  public synchronized void vanishOnceStarted(ContainerName name) {
    removedOnceStarted.add(name);
  }

  /**
   * Switches the host off and on. Containers that ran then have exit code 0, which dockerd was seen
   * to report.
   */
  public synchronized void reboot() {
    for (Box box : boxes.values()) {
      if (runs(box)) {
        finish(box, clock.instant(), 0);
      }
    }
  }

  /** Returns the description of the container, while it exists. */
  public synchronized Optional<ContainerSpec> spec(ContainerName name) {
    return Optional.ofNullable(boxes.get(name.toString())).map(box -> box.spec);
  }

  /** Returns every call that had an effect, in order: {@code create x}, {@code TERM x}. */
  public synchronized List<String> journal() {
    return List.copyOf(journal);
  }

  @Override
  public synchronized void create(ContainerSpec spec) {
    Optional<Fault> fault = fault(Call.CREATE);
    if (missingImages.contains(spec.image().toString())) {
      throw new ContainerException(Kind.FAILED, "No such image: " + spec.image());
    }
    String name = spec.name().toString();
    if (!boxes.containsKey(name)) {
      made++;
      Program program = programs.getOrDefault(spec.name().job(), Program.untilSignalled());
      boxes.put(name, new Box(String.format("%064x", made), spec, program));
      journal.add("create " + name);
    }
    throwAfter(fault, Call.CREATE);
  }

  @Override
  public synchronized void start(ContainerRef container) {
    Optional<Fault> fault = fault(Call.START);
    Box box =
        find(container)
            .orElseThrow(
                () ->
                    new ContainerException(
                        Kind.ABSENT, "No such container: " + container.engineKey()));
    if (box.startedAt.isEmpty()) {
      box.program
          .startRefusal()
          .ifPresent(
              message -> {
                throw new ContainerException(Kind.REFUSED, message);
              });
      Instant now = clock.instant();
      box.startedAt = Optional.of(now);
      box.endsAt = box.program.runsFor().map(now::plus);
      box.exitCode = box.program.exitCode();
      box.outOfMemory = box.program.outOfMemory();
      journal.add("start " + container.name());
      if (removedOnceStarted.remove(container.name())) {
        vanish(container.name());
      }
    }
    throwAfter(fault, Call.START);
  }

  @Override
  public synchronized Optional<Observation> inspect(ContainerRef container) {
    Optional<Fault> fault = fault(Call.INSPECT);
    throwAfter(fault, Call.INSPECT);
    return find(container).map(this::observe);
  }

  private Optional<Box> find(ContainerRef container) {
    return container.recordedId().isEmpty()
        ? Optional.ofNullable(boxes.get(container.engineKey()))
        : boxes.values().stream().filter(box -> box.id.equals(container.engineKey())).findFirst();
  }

  private Observation observe(Box box) {
    if (box.startedAt.isEmpty()) {
      return box.madeByAnother
          ? new Observation.Doubtful(box.id, false)
          : new Observation.Created(box.id);
    }
    if (runs(box)) {
      return new Observation.Running(box.id, runOf(box), box.startedAt.get(), box.activity);
    }
    return new Observation.Exited(
        box.id,
        runOf(box),
        box.exitCode,
        box.outOfMemory,
        box.startedAt.get(),
        box.endsAt.orElseThrow(),
        box.error);
  }

  private static String runOf(Box box) {
    return box.id + "@" + box.runs;
  }

  @Override
  public synchronized StopRequest askToStop(ContainerRef container, StopRequest earlier) {
    Optional<Fault> fault = fault(Call.SIGNAL);
    StopRequest request =
        find(container).filter(this::runs).map(box -> ask(box, container, earlier)).orElse(earlier);
    throwAfter(fault, Call.SIGNAL);
    return request;
  }

  /** Asks the one program of a container. Its run, and not its id, tells whether it was asked. */
  private StopRequest ask(Box box, ContainerRef container, StopRequest earlier) {
    ProcessKey program = new ProcessKey(1, box.runs);
    Instant now = clock.instant();
    boolean reached =
        earlier.reached().contains(program)
            || earlier
                .forgottenFor()
                .filter(ago -> box.startedAt.orElseThrow().isBefore(now.minus(ago)))
                .isPresent();
    if (reached) {
      return earlier.after(Set.of(program));
    }
    journal.add("TERM " + container.name());
    box.program.afterTerm().ifPresent(delay -> finish(box, now.plus(delay), TERMINATED));
    return earlier.after(Set.of(program), "SIGTERM sent to program (process 1)");
  }

  @Override
  public synchronized void kill(ContainerRef container) {
    Optional<Fault> fault = fault(Call.SIGNAL);
    find(container)
        .filter(this::runs)
        .ifPresent(
            box -> {
              journal.add("KILL " + container.name());
              finish(box, clock.instant(), KILLED);
            });
    throwAfter(fault, Call.SIGNAL);
  }

  @Override
  public synchronized void remove(ContainerRef container) {
    Optional<Fault> fault = fault(Call.REMOVE);
    Optional<Box> found = find(container);
    if (found.isPresent() && boxes.values().remove(found.get())) {
      journal.add("remove " + container.name());
    }
    throwAfter(fault, Call.REMOVE);
  }

  @Override
  public synchronized void endProcesses(String containerId) {
    boxes.forEach(
        (engineName, box) -> {
          if (box.id.equals(containerId) && runs(box)) {
            journal.add("end " + engineName);
            finish(box, clock.instant(), KILLED);
          }
        });
  }

  @Override
  public synchronized List<LabelledContainer> list() {
    Optional<Fault> fault = fault(Call.LIST);
    throwAfter(fault, Call.LIST);
    return boxes.entrySet().stream()
        .map(box -> new LabelledContainer(box.getValue().id, box.getKey()))
        .toList();
  }

  @Override
  public synchronized void discard(LabelledContainer container) {
    Optional<Fault> fault = fault(Call.REMOVE);
    if (boxes.values().removeIf(box -> box.id.equals(container.containerId()))) {
      journal.add("discard " + container.engineName());
    }
    throwAfter(fault, Call.REMOVE);
  }

  private boolean runs(Box box) {
    return box.startedAt.isPresent()
        && box.endsAt.filter(end -> !end.isAfter(clock.instant())).isEmpty();
  }

  /** Sets the container's end, unless an earlier end is already set. */
  private static void finish(Box box, Instant end, int exitCode) {
    if (box.endsAt.filter(foreseen -> !foreseen.isAfter(end)).isEmpty()) {
      box.endsAt = Optional.of(end);
      box.exitCode = exitCode;
      box.outOfMemory = false;
    }
  }

  /** Throws a fault that comes before the effect, or returns one that comes after it. */
  private Optional<Fault> fault(Call call) {
    if (down) {
      throw new ContainerException(Kind.UNREACHABLE, "the container engine is down");
    }
    List<Fault> waiting = faults.getOrDefault(call, List.of());
    if (waiting.isEmpty()) {
      return Optional.empty();
    }
    Fault fault = waiting.removeFirst();
    if (fault.moment() == Moment.BEFORE_EFFECT) {
      throw failure(fault, call);
    }
    return Optional.of(fault);
  }

  private static void throwAfter(Optional<Fault> fault, Call call) {
    if (fault.isPresent()) {
      throw failure(fault.get(), call);
    }
  }

  private static ContainerException failure(Fault fault, Call call) {
    return new ContainerException(fault.kind(), call + " was made to fail");
  }
}
