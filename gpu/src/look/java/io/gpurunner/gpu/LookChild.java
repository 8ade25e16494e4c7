package io.gpurunner.gpu;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A running {@link LookCudaProcess}. It belongs to the thread of the step that started it. */
final class LookChild implements AutoCloseable {
  private static final Duration START_LIMIT = Duration.ofSeconds(15);
  private static final String GONE = "failed the process has ended";
  private static final Set<Process> RUNNING = ConcurrentHashMap.newKeySet();

  /** The machine lacks what a step needs, so the step cannot be made. */
  static final class Missing extends RuntimeException {
    private static final long serialVersionUID = 1;

    Missing(String message) {
      super(message);
    }
  }

  /**
   * What a process saw of its device.
   *
   * @param busId the device's address on the PCI bus as the kernel writes it
   */
  record CudaDevice(String busId, String name, String cudaVersion, String multiprocessors) {}

  private final Process process;
  private final BlockingQueue<String> answers = new LinkedBlockingQueue<>();
  private final CudaDevice device;

  private LookChild(Process process) throws InterruptedException {
    this.process = process;
    Thread.ofPlatform().daemon().name("answers").start(this::readAnswers);
    List<String> seen = List.of(answer(START_LIMIT).split("\t", -1));
    this.device = new CudaDevice(seen.get(0), seen.get(1), seen.get(2), seen.get(3));
  }

  /**
   * Starts a process. It has initialised CUDA and has no context.
   *
   * @throws Missing if there is no CUDA library, or it finds no device
   */
  static LookChild start(String cudaLibrary) throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-Xmx128m",
            "-XX:TieredStopAtLevel=1",
            "-XX:-UsePerfData",
            "-Djna.tmpdir="
                + System.getProperty("jna.tmpdir", System.getProperty("java.io.tmpdir")),
            "-cp",
            System.getProperty("java.class.path"),
            LookCudaProcess.class.getName(),
            cudaLibrary);
    builder.environment().put("CUDA_DEVICE_ORDER", "PCI_BUS_ID");
    builder.environment().put("CUDA_CACHE_DISABLE", "1"); // it would leave a folder in the home
    builder.directory(new File("/"));
    builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    Process process = builder.start();
    RUNNING.add(process);
    try {
      return new LookChild(process);
    } catch (RuntimeException e) {
      process.destroyForcibly();
      throw e;
    }
  }

  /** Kills each process that runs. A step that failed may have left one. */
  static void killAll() {
    RUNNING.forEach(Process::destroyForcibly);
    RUNNING.clear();
  }

  private void readAnswers() {
    try (BufferedReader output = process.inputReader(StandardCharsets.UTF_8)) {
      output.lines().forEach(answers::add);
    } catch (IOException | java.io.UncheckedIOException closed) {
      // The process was killed.
    }
    answers.add(GONE);
  }

  long pid() {
    return process.pid();
  }

  CudaDevice device() {
    return device;
  }

  /** Sends a command. {@link #answer} waits for its end. */
  void send(String command) throws IOException {
    OutputStream input = process.getOutputStream();
    input.write((command + "\n").getBytes(StandardCharsets.US_ASCII));
    input.flush();
  }

  /** Returns whether the newest command has ended, or the process has. */
  boolean hasAnswered() {
    return !answers.isEmpty();
  }

  /**
   * Waits for the end of a command.
   *
   * @return what the process answered, without {@code ok}
   * @throws Missing if the process cannot do anything
   */
  String answer(Duration limit) throws InterruptedException {
    String answer = answers.poll(limit.toMillis(), TimeUnit.MILLISECONDS);
    if (answer == null) {
      throw new IllegalStateException(
          "the CUDA process did not answer within " + limit.toSeconds() + " s");
    }
    if (answer.startsWith("missing ")) {
      throw new Missing(answer.substring("missing ".length()));
    }
    if (!answer.startsWith("ok")) {
      throw new IllegalStateException("the CUDA process: " + answer);
    }
    return answer.substring("ok".length()).strip();
  }

  String ask(String command, Duration limit) throws IOException, InterruptedException {
    send(command);
    return answer(limit);
  }

  /** Sends SIGKILL. */
  void kill() {
    process.destroyForcibly();
  }

  /** Returns whether the process has ended within this time. */
  boolean hasEnded(Duration limit) throws InterruptedException {
    return process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
  }

  @Override
  public void close() {
    process.destroyForcibly();
    RUNNING.remove(process);
  }
}
