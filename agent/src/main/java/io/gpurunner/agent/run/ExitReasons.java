package io.gpurunner.agent.run;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.gpurunner.agent.container.CommandFailure;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerOutput;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.ExitCodes;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.container.ProgramFile;
import java.io.OutputStream;
import java.util.Arrays;
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
  static final int TAIL_BYTES = 16 << 10;

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
      Tail tail = new Tail();
      output.copy(container.name(), TAIL_LINES, false, tail);
      return CommandFailure.of(exitCode, tail.text())
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

  /** Keeps the last bytes that are written. */
  private static final class Tail extends OutputStream {
    private byte[] kept = {};

    @Override
    public void write(int one) {
      write(new byte[] {(byte) one}, 0, 1);
    }

    @Override
    public void write(byte[] more, int from, int count) {
      byte[] all = Arrays.copyOf(kept, kept.length + count);
      System.arraycopy(more, from, all, kept.length, count);
      kept = Arrays.copyOfRange(all, Math.max(0, all.length - TAIL_BYTES), all.length);
    }

    String text() {
      return new String(kept, UTF_8);
    }
  }
}
