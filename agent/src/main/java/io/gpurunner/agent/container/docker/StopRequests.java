package io.gpurunner.agent.container.docker;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerProcess;
import io.gpurunner.agent.container.ProcessKey;
import io.gpurunner.agent.container.StopRequest;
import io.gpurunner.agent.container.StopSignal;
import io.gpurunner.agent.container.StopTargets;
import io.gpurunner.agent.os.Signals;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks the programs of a container to end, as {@link StopTargets} chooses. The engine itself would
 * send the signal to the container's first process only. Thread-safe.
 */
final class StopRequests {
  private static final Logger log = LoggerFactory.getLogger(StopRequests.class);

  /** The largest number of programs that the history names at a time. */
  private static final int NAMED = 5;

  private final EngineConnection connection;

  StopRequests(EngineConnection connection) {
    this.connection = connection;
  }

  /** What the engine says of a container: its first process, and its image. */
  private record Facts(long pid, String image) {
    static Facts of(JsonNode answer) {
      return new Facts(answer.path("State").path("Pid").asLong(), answer.path("Image").asText(""));
    }
  }

  /**
   * @param id the engine's id of the container
   * @param toAll sends a signal to the container's first process by the engine. Docker's init hands
   *     it on
   */
  StopRequest ask(String id, StopRequest earlier, Consumer<StopSignal> toAll) {
    StopRequest request = earlier.init().isPresent() ? earlier : identified(id, earlier);
    if (request.init().isPresent()) {
      try {
        return ask(request, toAll);
      } catch (IOException e) {
        log.warn("the programs of the container {} cannot be asked one by one", id, e);
      }
    }
    return request.asked() ? request.after(request.reached()) : askAll(request, toAll, "");
  }

  /**
   * Returns the request with the container's first process, and the signal that its image names.
   * There is no such process on this machine if the container has ended, or if the engine is on
   * another machine.
   */
  private StopRequest identified(String id, StopRequest earlier) {
    Optional<Facts> facts =
        connection.inspect(
            "inspecting the container " + id, "/containers/" + id + "/json", Facts::of);
    return earlier.of(
        facts.flatMap(this::signalOfImage).orElse(StopSignal.TERM),
        facts
            .map(Facts::pid)
            .filter(pid -> pid > 0 && ContainerProcesses.isIn(pid, id))
            .flatMap(ProcessTree::key));
  }

  private Optional<StopSignal> signalOfImage(Facts container) {
    try {
      return connection
          .inspect(
              "inspecting the image " + container.image(),
              "/images/" + container.image() + "/json",
              image -> image.path("Config").path("StopSignal").asText(""))
          .flatMap(StopSignal::parse);
    } catch (ContainerException e) { // an image that cannot be read must not keep a job running
      log.warn("the stop signal of the image {} is not known: {}", container.image(), e.toString());
      return Optional.empty();
    }
  }

  private static StopRequest ask(StopRequest request, Consumer<StopSignal> toAll)
      throws IOException {
    ProcessKey init = request.init().orElseThrow();
    StopTargets.Choice choice = choose(request, ProcessTree.below(init));
    if (choice.targets().isEmpty() && !request.asked()) {
      // The kernel may miss a child in a list that changes, so a second look must agree.
      List<ContainerProcess> all = ProcessTree.below(init);
      choice = choose(request, all);
      if (choice.targets().isEmpty()) {
        return askNobody(request, all, toAll);
      }
    }
    List<ContainerProcess> signalled = new ArrayList<>();
    for (ContainerProcess target : choice.targets()) {
      if (ProcessTree.key(target.key().pid()).filter(target.key()::equals).isPresent()) {
        Signals.send(target.key().pid(), request.signal().number());
        signalled.add(target);
      }
    }
    return signalled.isEmpty()
        ? request.after(choice.reached())
        : request.after(choice.reached(), request.signal() + " sent to " + words(signalled));
  }

  private static StopTargets.Choice choose(StopRequest request, List<ContainerProcess> all)
      throws IOException {
    StopSignal signal = request.signal();
    if (request.forgottenFor().isEmpty()) {
      return StopTargets.of(all, signal, request.reached());
    }
    Set<ProcessKey> before = new HashSet<>(request.reached());
    for (ContainerProcess target : StopTargets.of(all, signal, before).targets()) {
      if (EngineProcess.age(target.key().startTicks()).compareTo(request.forgottenFor().get())
          > 0) {
        before.add(target.key());
      }
    }
    return StopTargets.of(all, signal, before);
  }

  /** No program catches the signal. */
  private static StopRequest askNobody(
      StopRequest request, List<ContainerProcess> all, Consumer<StopSignal> toAll) {
    String nobody = "no program catches " + request.signal();
    return StopTargets.ignoring(all, request.signal())
        .map(
            process ->
                request.after(
                    Set.of(), nobody + ", and " + process.words() + " ignores it: nothing sent"))
        .orElseGet(() -> askAll(request, toAll, nobody + ": "));
  }

  private static StopRequest askAll(
      StopRequest request, Consumer<StopSignal> toAll, String because) {
    toAll.accept(request.signal());
    return request.after(Set.of(), because + request.signal() + " sent to all programs");
  }

  private static String words(List<ContainerProcess> signalled) {
    String named =
        signalled.stream()
            .limit(NAMED)
            .map(ContainerProcess::words)
            .collect(Collectors.joining(", "));
    int more = signalled.size() - NAMED;
    return more > 0 ? named + " and " + more + " more" : named;
  }
}
