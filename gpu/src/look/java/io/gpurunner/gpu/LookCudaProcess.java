package io.gpurunner.gpu;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * A process that uses the GPU as a job does. {@link LookChild} starts it, and writes a command on
 * each line of its standard input; it answers each with a line that begins with {@code ok}, {@code
 * failed} or {@code missing}. When its input ends, it ends at once, so it does not outlive its
 * parent.
 */
final class LookCudaProcess {
  private LookCudaProcess() {}

  /**
   * @param arguments the name of CUDA's library
   */
  public static void main(String[] arguments) throws InterruptedException {
    LookCuda cuda;
    try {
      cuda = new LookCuda(arguments[0]);
      answer(
          "ok",
          String.join(
              "\t",
              cuda.busId(),
              cuda.name(),
              String.valueOf(cuda.driverVersion()),
              String.valueOf(cuda.multiprocessors())));
    } catch (UnsatisfiedLinkError e) {
      answer("missing", arguments[0] + ": not here");
      return;
    } catch (RuntimeException e) {
      answer("missing", arguments[0] + ": " + e.getMessage());
      return;
    }
    // CUDA's context belongs to the main thread. Another one reads, because the end of the input
    // must
    // be seen while a kernel runs.
    BlockingQueue<String> commands = new LinkedBlockingQueue<>();
    Thread.ofPlatform().daemon().name("commands").start(() -> read(commands));
    while (true) {
      String command = commands.take();
      try {
        answer("ok", run(cuda, List.of(command.split(" "))));
      } catch (RuntimeException | LinkageError e) {
        answer("failed", command + ": " + e.getMessage());
      }
      if (command.equals("end")) {
        return;
      }
    }
  }

  private static void read(BlockingQueue<String> commands) {
    try (BufferedReader input =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII))) {
      input.lines().forEach(commands::add);
    } catch (IOException closed) {
      // The parent has ended.
    }
    Runtime.getRuntime().halt(1);
  }

  private static String run(LookCuda cuda, List<String> command) {
    switch (command.getFirst()) {
      case "context" -> cuda.createContext();
      case "allocate" -> {
        return "at 0x%x".formatted(cuda.allocate(Long.parseLong(command.get(1))));
      }
      case "load" -> cuda.load();
      case "spin" -> {
        return cuda.spin(Long.parseLong(command.get(1))) + " launches";
      }
      case "store" -> {
        return cuda.words(cuda.store(Long.parseLong(command.get(1))));
      }
      case "end" -> {}
      default -> throw new IllegalArgumentException("no such command");
    }
    return "";
  }

  private static void answer(String kind, String text) {
    System.out.println(kind + " " + text.replaceAll("\\R+", " "));
    System.out.flush();
  }
}
