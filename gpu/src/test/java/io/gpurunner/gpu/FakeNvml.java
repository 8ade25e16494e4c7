package io.gpurunner.gpu;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A fake NVML library, built from {@code src/test/c/nvml_fake.c} with the machine's C compiler, and
 * its script. Each test has its own copy and its own script.
 */
final class FakeNvml {
  static final String TWO_GPUS =
      """
      driver 535.154.05
      nvml 12.535.154.05
      device GPU-aaaaaaaa-0000-0000-0000-000000000000 NVIDIA GeForce RTX 3090
      memory 25769803776 268435456 0
      device GPU-bbbbbbbb-0000-0000-0000-000000000000 NVIDIA GeForce RTX 3090
      memory 25769803776 268435456 0
      """;

  static final GpuUuid A = new GpuUuid("GPU-aaaaaaaa-0000-0000-0000-000000000000");
  static final GpuUuid B = new GpuUuid("GPU-bbbbbbbb-0000-0000-0000-000000000000");

  private static final Path SOURCE = Path.of("src/test/c/nvml_fake.c").toAbsolutePath();
  private static final long COMPILE_LIMIT_SECONDS = 60;

  private final Path library;
  private final Path callLog;

  private FakeNvml(Path library) {
    this.library = library;
    this.callLog = library.resolveSibling("calls");
  }

  /**
   * @param directory the test's own directory
   * @param defines compiler options, which the header of the source lists
   */
  static FakeNvml in(Path directory, String... defines) {
    try {
      Path copy = directory.resolve("libnvidia-ml.so.1");
      Files.copy(built(SOURCE, String.join("", defines), List.of(defines)), copy);
      return new FakeNvml(copy).script(TWO_GPUS);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static synchronized Path built(Path source, String variant, List<String> defines)
      throws IOException {
    Path built = Path.of("target", "nvml-fake" + variant, "libnvidia-ml.so.1").toAbsolutePath();
    Files.createDirectories(built.getParent());
    if (Files.exists(built)
        && Files.getLastModifiedTime(built).compareTo(Files.getLastModifiedTime(source)) > 0) {
      return built;
    }
    // Another JVM may build the same library, so a complete file is put in place by a rename.
    Path output = Files.createTempFile(built.getParent(), "building", ".so");
    List<String> command = new ArrayList<>(List.of("cc", "-Wall", "-Wextra", "-Werror", "-shared"));
    command.addAll(List.of("-fPIC", "-Wl,-soname,libnvidia-ml.so.1", "-o", output.toString()));
    command.addAll(defines);
    command.addAll(List.of(source.toString(), "-ldl"));
    Process compiler;
    try {
      compiler = new ProcessBuilder(command).redirectErrorStream(true).start();
    } catch (IOException e) {
      throw new AssertionError(
          "these tests build a C library, but there is no C compiler; install the packages gcc and"
              + " libc6-dev (apt-get install gcc libc6-dev)",
          e);
    }
    String said = new String(compiler.getInputStream().readAllBytes(), UTF_8);
    try {
      if (!compiler.waitFor(COMPILE_LIMIT_SECONDS, TimeUnit.SECONDS) || compiler.exitValue() != 0) {
        throw new AssertionError(
            String.join(" ", command)
                + " failed (if headers are missing, install the packages gcc and libc6-dev):\n"
                + said);
      }
    } catch (InterruptedException e) {
      throw new AssertionError("interrupted while compiling", e);
    }
    Files.move(output, built, StandardCopyOption.ATOMIC_MOVE);
    return built;
  }

  /** Replaces the script in one step. {@link #calls} keeps the earlier calls. */
  FakeNvml script(String text) {
    try {
      Path next = library.resolveSibling("next.script");
      Files.writeString(next, "log " + callLog + "\n" + text);
      Files.move(next, scriptFile(), StandardCopyOption.ATOMIC_MOVE);
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Removes the script, as on a machine whose kernel module is not loaded. */
  void removeScript() {
    try {
      Files.delete(scriptFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Path scriptFile() {
    return library.resolveSibling(library.getFileName() + ".script");
  }

  /** The library's path, for the configuration. */
  String library() {
    return library.toString();
  }

  /** Returns every call so far: the function and the kernel's id of the thread. */
  List<String> calls() {
    try {
      return Files.exists(callLog) ? Files.readAllLines(callLog) : List.of();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  long calls(String function) {
    return calls().stream().filter(line -> line.startsWith(function + " ")).count();
  }
}
