package io.gpurunner.gpu;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Checks on a machine with a GPU what the project believes of NVML. {@code dev/gpu-look} builds and
 * starts it. Each step has a time limit, and a step that fails does not end the others.
 *
 * <p>It exits with 0 if no step failed, with 1 if one did or there is no GPU, and with 2 if it was
 * called wrongly.
 */
final class GpuLook {
  private static final Duration OPEN_LIMIT = Duration.ofSeconds(20);
  private static final Duration FIRST_LOOK_LIMIT = Duration.ofSeconds(15);

  /** What the steps share. */
  record Context(String nvml, String cuda, LookReport report) {
    /** Opens the project's inventory, and waits for its first good look. */
    GpuInventory openInventory() throws InterruptedException {
      GpuInventory inventory =
          GpuInventories.open(
              GpuSettings.of(GpuSettings.Provider.NVML, nvml, List.of()),
              Set.of(),
              HealthBook.forgetful(Clock.systemUTC()),
              Clock.systemUTC());
      long end = System.nanoTime() + FIRST_LOOK_LIMIT.toNanos();
      while (inventory.snapshot().fault().isPresent() && System.nanoTime() < end) {
        Thread.sleep(1);
      }
      Thread.sleep(SETTLED_MILLIS);
      return inventory;
    }
  }

  /** An inventory publishes a look a moment before it tells how long the look took. */
  static final long SETTLED_MILLIS = 5;

  @FunctionalInterface
  private interface Work {
    void run(Context context) throws IOException, InterruptedException;
  }

  private record Step(String title, Duration limit, Work work) {}

  private static final List<Step> STEPS =
      List.of(
          new Step("Inventory", Duration.ofSeconds(25), LookInventory::run),
          new Step("Functions of NVML", Duration.ofSeconds(15), LookFunctions::run),
          new Step("A CUDA process", Duration.ofSeconds(50), LookProcesses::run),
          new Step("XID 31", Duration.ofSeconds(45), LookXid::run),
          new Step("Energy and utilisation", Duration.ofSeconds(40), LookEnergy::run),
          new Step("The cost of a look", Duration.ofSeconds(30), LookCosts::run));

  private GpuLook() {}

  /**
   * @param arguments {@code [--nvml LIBRARY] [--cuda LIBRARY] [DIRECTORY]}
   */
  public static void main(String[] arguments) throws InterruptedException {
    String nvml = GpuSettings.DEFAULT_NVML_LIBRARY;
    String cuda = "libcuda.so.1";
    Optional<Path> folder = Optional.empty();
    List<String> left = new ArrayList<>(Arrays.asList(arguments));
    while (!left.isEmpty()) {
      String argument = left.removeFirst();
      if (argument.equals("--nvml") && !left.isEmpty()) {
        nvml = left.removeFirst();
      } else if (argument.equals("--cuda") && !left.isEmpty()) {
        cuda = left.removeFirst();
      } else if (!argument.startsWith("-") && folder.isEmpty()) {
        folder = Optional.of(Path.of(argument));
      } else {
        System.err.println(
            "gpu-look: "
                + argument
                + " is not expected; usage: run [--nvml LIBRARY] [--cuda LIBRARY] [DIRECTORY]");
        System.exit(2);
      }
    }
    System.exit(look(nvml, cuda, folder));
  }

  private static int look(String nvml, String cuda, Optional<Path> folder)
      throws InterruptedException {
    long began = System.nanoTime();
    Optional<String> missing;
    try {
      missing = within(OPEN_LIMIT, () -> whatIsMissing(nvml));
    } catch (TimeoutException e) {
      missing =
          Optional.of("NVML (" + nvml + ") did not open within " + OPEN_LIMIT.toSeconds() + " s");
    } catch (ExecutionException e) {
      missing = Optional.of(String.valueOf(e.getCause()));
    }
    if (missing.isPresent()) {
      System.err.println("gpu-look: nothing was checked: " + missing.get());
      return 1;
    }
    double openedSeconds = (System.nanoTime() - began) / 1e9;
    LookReport report = new LookReport(folder);
    report.line("gpu-look at %s", Instant.now());
    report.line(
        "Java %s, kernel %s %s, %d processors",
        Runtime.version(),
        System.getProperty("os.version"),
        System.getProperty("os.arch"),
        Runtime.getRuntime().availableProcessors());
    report.line("NVML's first opening in this process, with JNA's: %.3f s", openedSeconds);
    Context context = new Context(nvml, cuda, report);
    List<String> ends = new ArrayList<>();
    boolean isGood = true;
    for (int index = 0; index < STEPS.size(); index++) {
      Step step = STEPS.get(index);
      report.line("");
      report.line("== %d. %s", index + 1, step.title());
      long stepBegan = System.nanoTime();
      String end;
      try {
        within(
            step.limit(),
            () -> {
              step.work().run(context);
              return true;
            });
        end = "done";
      } catch (TimeoutException e) {
        end = "FAILED: it did not end within " + step.limit().toSeconds() + " s";
      } catch (ExecutionException e) {
        Throwable cause = e.getCause();
        if (cause instanceof LookChild.Missing) {
          end = "NOT RUN: " + cause.getMessage();
        } else {
          end = "FAILED: " + cause;
          cause.printStackTrace();
        }
      }
      LookChild.killAll();
      isGood &= !end.startsWith("FAILED");
      ends.add("%d. %s: %s".formatted(index + 1, step.title(), end));
      report.line("-- %s, after %.1f s", end, (System.nanoTime() - stepBegan) / 1e9);
    }
    report.line("");
    report.line("== All steps, after %.1f s", (System.nanoTime() - began) / 1e9);
    ends.forEach(end -> report.line("%s", end));
    return isGood ? 0 : 1;
  }

  /** Runs work on a thread of its own, which is left behind after the limit. */
  private static <T> T within(Duration limit, Callable<T> work)
      throws InterruptedException, ExecutionException, TimeoutException {
    CompletableFuture<T> result = new CompletableFuture<>();
    Thread.ofPlatform()
        .daemon()
        .name("step")
        .start(
            () -> {
              try {
                result.complete(work.call());
              } catch (Throwable e) { // every failure belongs into the report
                result.completeExceptionally(e);
              }
            });
    return result.get(limit.toMillis(), TimeUnit.MILLISECONDS);
  }

  private static Optional<String> whatIsMissing(String nvml) {
    try (NvmlLibrary library = NvmlLibrary.open(nvml)) {
      return library.deviceCount() == 0
          ? Optional.of("NVML works but lists no GPU" + nodes())
          : Optional.empty();
    } catch (GpuException e) {
      return Optional.of(e.getMessage() + nodes());
    }
  }

  /** Returns what the kernel shows of NVIDIA's GPUs, because NVML shows nothing. */
  private static String nodes() {
    List<String> cards = PciBus.ofThisMachine().nvidiaGpus();
    return "; the PCI bus has "
        + (cards.isEmpty() ? "no NVIDIA GPU" : String.join(", ", cards))
        + ", and /dev/nvidiactl is "
        + (Files.exists(Path.of("/dev/nvidiactl")) ? "there" : "not there");
  }
}
