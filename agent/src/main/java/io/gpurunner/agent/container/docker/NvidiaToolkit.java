package io.gpurunner.agent.container.docker;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Knows the version of the NVIDIA Container Toolkit on this machine. Its programs say it: {@code
 * NVIDIA Container Toolkit CLI version 1.17.8}. A program is run once, and again after its file has
 * changed. Thread-safe.
 */
final class NvidiaToolkit {
  /** How long a program may take. */
  private static final Duration LIMIT = Duration.ofSeconds(5);

  private static final int MAX_OUTPUT_BYTES = 4 << 10;

  /** The programs that say the version. The second one is all that old releases have. */
  private static final List<String> PROGRAMS = List.of("nvidia-ctk", DockerProbe.HOOK);

  private static final Pattern VERSION = Pattern.compile("version (\\S+)");

  private static final Logger log = LoggerFactory.getLogger(NvidiaToolkit.class);

  private final List<Path> places;
  private Optional<Known> known = Optional.empty();

  /**
   * A version, and the file of the program that said it.
   *
   * @param mark what changes when the file is replaced
   */
  private record Known(Path program, Map<String, Object> mark, Optional<String> version) {}

  /**
   * @param places the directories in which the programs may be
   */
  NvidiaToolkit(List<Path> places) {
    this.places = places;
  }

  /** Returns the version. It is empty if no toolkit is here, or if it does not say. */
  synchronized Optional<String> version() {
    Optional<Path> program =
        PROGRAMS.stream()
            .flatMap(name -> places.stream().map(place -> place.resolve(name)))
            .filter(Files::isExecutable)
            .findFirst();
    if (program.isEmpty()) {
      return Optional.empty();
    }
    try {
      Map<String, Object> mark = Files.readAttributes(program.get(), "unix:ino,size,ctime");
      if (known
          .filter(before -> before.program().equals(program.get()) && before.mark().equals(mark))
          .isEmpty()) {
        known = Optional.of(new Known(program.get(), mark, ask(program.get())));
      }
      return known.get().version();
    } catch (IOException goneMeanwhile) {
      return Optional.empty();
    }
  }

  private static Optional<String> ask(Path program) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(program.toString(), "--version")
            .redirectErrorStream(true)
            .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")));
    builder.environment().clear();
    Process process = builder.start();
    CompletableFuture<String> output =
        CompletableFuture.supplyAsync(
            () -> read(process),
            task -> Thread.ofPlatform().daemon().name("nvidia-ctk").start(task));
    try {
      String text = output.orTimeout(LIMIT.toMillis(), TimeUnit.MILLISECONDS).join();
      return Stream.of(VERSION.matcher(text)).filter(Matcher::find).map(m -> m.group(1)).findAny();
    } catch (CompletionException failure) {
      log.warn("{} --version did not say its version: {}", program, failure.toString());
      return Optional.empty();
    } finally {
      process.destroyForcibly();
    }
  }

  private static String read(Process process) {
    try (InputStream in = process.getInputStream()) {
      return new String(in.readNBytes(MAX_OUTPUT_BYTES), StandardCharsets.UTF_8);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }
}
