package io.gpurunner.agent.run;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.gpurunner.agent.container.CommandFailure;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerOutput;
import io.gpurunner.agent.container.ContainerOutput.Part;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.ExitCodes;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.container.OutputReading;
import io.gpurunner.agent.container.ProgramFile;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Says for the user why a container ended. If its command could not be executed, the container's
 * output and its files tell why. Thread-safe; blocks for a bounded time.
 */
final class ExitReasons {
  /** The number of lines of the output that are read. The last ones may be blank. */
  private static final int TAIL_LINES = 10;

  /** The part of these lines that is kept. */
  static final int TAIL_CHARACTERS = 16 << 10;

  private static final Logger log = LoggerFactory.getLogger(ExitReasons.class);

  private final ContainerOutput output;

  ExitReasons(ContainerOutput output) {
    this.output = output;
  }

  /** Returns the reason. If the engine tells nothing, it is the exit code and its meaning. */
  String of(ContainerRef container, Observation.Exited exited) {
    String code = "the container ended with exit code " + ExitCodes.describe(exited.exitCode());
    return exited.error().isEmpty()
        ? code + whatIsWrong(container, exited.exitCode())
        : code + ": " + exited.error();
  }

  private String whatIsWrong(ContainerRef container, int exitCode) {
    if (!CommandFailure.canBeMeantBy(exitCode)) {
      return "";
    }
    try {
      return CommandFailure.of(exitCode, lastLines(container))
          .map(failure -> failure.describe(failure.file().flatMap(file -> look(container, file))))
          .orElse("");
    } catch (ContainerException e) {
      log.warn("{} the output cannot be read for the reason: {}", container.name(), e.getMessage());
      return "";
    }
  }

  /** Looks at a file of the container. It is empty if the engine does not show the file. */
  private Optional<ProgramFile> look(ContainerRef container, String file) {
    try {
      return Optional.of(ProgramFile.of(output.head(container, file, ProgramFile.HEAD_BYTES)));
    } catch (ContainerException e) {
      log.warn("{} a file cannot be read for the reason: {}", container.name(), e.getMessage());
      return Optional.empty();
    }
  }

  private String lastLines(ContainerRef container) {
    StringBuilder text = new StringBuilder();
    try (OutputReading reading = output.read(container, new Part.Last(TAIL_LINES), false)) {
      reading.giveTo(
          piece -> {
            text.append(new String(piece.bytes(), UTF_8));
            text.delete(0, Math.max(0, text.length() - TAIL_CHARACTERS));
            return true;
          });
    }
    return text.toString();
  }
}
