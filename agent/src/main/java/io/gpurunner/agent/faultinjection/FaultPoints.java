package io.gpurunner.agent.faultinjection;

import io.gpurunner.agent.callback.CallbackSender;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.container.Images;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.CommitWatch;
import io.gpurunner.agent.log.OutputKeeper;
import io.gpurunner.agent.os.OwnProcess;
import io.gpurunner.api.Jobs;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.JobVolumes;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The points at which a test can end the agent as by {@code kill -9}. There is one before and one
 * after each side effect of each port ({@code containers.start.after}), and three around each
 * commit of a job's state ({@code ledger.RUNNING.untold}, see {@link CommitWatch.Boundary}).
 * Production has none: they are inserted only if the system property {@link #PROPERTY} is set. It
 * names a file, and the file names the point at which the process ends (see {@link FaultTrigger}).
 * Thread-safe.
 */
public final class FaultPoints {
  /**
   * The system property, as set in {@code GPURUNNER_JAVA_OPTS}: {@code
   * -Dgpurunner.fault-point-file=/tmp/point}.
   */
  public static final String PROPERTY = "gpurunner.fault-point-file";

  /** The ports that have fault points, and how the names of the points begin. */
  static final Map<Class<?>, String> PORTS =
      Map.of(
          ContainerRuntime.class, "containers",
          Images.class, "images",
          OutputKeeper.class, "output",
          JobVolumes.class, "volumes",
          ArtifactStore.class, "store",
          CallbackSender.class, "callbacks",
          Jobs.class, "api");

  private final Optional<Consumer<String>> reached;

  private FaultPoints(Optional<Consumer<String>> reached) {
    this.reached = reached;
  }

  /** Returns the fault points of this process. There are none unless the property is set. */
  public static FaultPoints ofThisProcess() {
    return new FaultPoints(
        Optional.ofNullable(System.getProperty(PROPERTY))
            .map(file -> new FaultTrigger(Path.of(file), OwnProcess::kill)::reached));
  }

  /**
   * Returns fault points that call a listener with their name. The listener decides what to do, for
   * example to kill the engine.
   */
  public static FaultPoints calling(Consumer<String> reached) {
    return new FaultPoints(Optional.of(reached));
  }

  /** Returns the names of all points, sorted. */
  public static List<String> names() {
    Stream<String> effects =
        PORTS.keySet().stream()
            .flatMap(
                port ->
                    SideEffects.of(port).stream()
                        .flatMap(
                            effect ->
                                Stream.of(
                                    name(port, effect, "before"), name(port, effect, "after"))));
    Stream<String> commits =
        states(JobState.class)
            .flatMap(
                state ->
                    Arrays.stream(CommitWatch.Boundary.values())
                        .map(boundary -> name(state, boundary)));
    return Stream.concat(effects, commits).sorted().toList();
  }

  private static Stream<String> states(Class<?> state) {
    return state.isSealed()
        ? Arrays.stream(state.getPermittedSubclasses()).flatMap(FaultPoints::states)
        : Stream.of(state.getSimpleName().toUpperCase(Locale.ROOT));
  }

  private static String name(Class<?> port, Method effect, String side) {
    return PORTS.get(port) + "." + effect.getName() + "." + side;
  }

  private static String name(String state, CommitWatch.Boundary boundary) {
    return "ledger." + state + "." + boundary.name().toLowerCase(Locale.ROOT);
  }

  /**
   * Returns the port with points before and after its side effects. If this process has no points,
   * it is the port itself.
   */
  public <T> T around(Class<T> port, T real) {
    return reached.map(listener -> surrounded(port, real, listener)).orElse(real);
  }

  private static <T> T surrounded(Class<T> port, T real, Consumer<String> reached) {
    Set<Method> effects = Set.copyOf(SideEffects.of(port));
    return port.cast(
        Proxy.newProxyInstance(
            port.getClassLoader(),
            new Class<?>[] {port},
            (_, method, arguments) -> {
              if (!effects.contains(method)) {
                return invoke(real, method, arguments);
              }
              reached.accept(name(port, method, "before"));
              Object result = invoke(real, method, arguments);
              reached.accept(name(port, method, "after"));
              return result;
            }));
  }

  private static Object invoke(Object real, Method method, Object[] arguments) throws Throwable {
    try {
      return method.invoke(real, arguments);
    } catch (InvocationTargetException e) {
      throw e.getTargetException();
    }
  }

  /** Returns the watch that the ledger calls at its commits. */
  public CommitWatch commits() {
    return reached
        .<CommitWatch>map(
            listener ->
                (boundary, changed) ->
                    stateLabels(changed).forEach(state -> listener.accept(name(state, boundary))))
        .orElse(CommitWatch.NONE);
  }

  private static Stream<String> stateLabels(Collection<Job> jobs) {
    return jobs.stream().map(job -> job.state().label()).distinct();
  }
}
