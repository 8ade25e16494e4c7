package io.gpurunner.agent.cli.job;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.cli.terminal.Console;
import io.gpurunner.agent.cli.terminal.Screen;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class LogPrinterTest {
  private static final String RED = "\u001b[31mred";
  private static final String END = "\u001b[0m";

  private static LogPrinter onTerminal(OutputStream out) {
    PrintStream print = new PrintStream(out, true, UTF_8);
    return new LogPrinter(new Console(print, print, new Screen.Fixed(true, true, 80)), false);
  }

  @Test
  void whatIsPrintedBesideTheEndPaintsNothingAfterIt() throws Exception {
    ByteArrayOutputStream terminal = new ByteArrayOutputStream();
    LogPrinter printer = onTerminal(terminal);
    AtomicBoolean enough = new AtomicBoolean();
    CountDownLatch printing = new CountDownLatch(1);
    Thread writer =
        Thread.ofPlatform()
            .start(
                () -> {
                  while (!enough.get()) {
                    printer.print(RED.getBytes(UTF_8), true);
                    printer.flush();
                    printing.countDown();
                  }
                });
    printing.await();

    printer.finishSoon();
    String atEnd = terminal.toString(UTF_8);
    printer.print(RED.getBytes(UTF_8), true);
    printer.finish();
    enough.set(true);
    writer.join();

    assertThat(atEnd).startsWith(RED).endsWith("red\n" + END);
    assertThat(terminal.toString(UTF_8)).isEqualTo(atEnd);
  }

  @Test
  void aTerminalThatTakesNothingDoesNotHoldUpTheEnd() throws Exception {
    StoppedTerminal terminal = new StoppedTerminal();
    LogPrinter printer = onTerminal(terminal);
    printer.print(RED.getBytes(UTF_8), true);
    Thread writer = Thread.ofPlatform().start(printer::flush);
    terminal.stopped.await();

    printer.finishSoon();

    assertThat(writer.isAlive()).as("it still writes").isTrue();
    terminal.goesOn.countDown();
    writer.join();
  }

  /** SIGTERM ends Java as SIGINT does, which a shell's background process would ignore. */
  @Test
  void aSignalTakesColoursBack() throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Painting.class.getName())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (InputStream out = process.getInputStream()) {
      assertThat(new String(out.readNBytes(RED.length()), UTF_8)).isEqualTo(RED);

      process.toHandle().destroy(); // unlike that of the process, it leaves the stream open

      assertThat(new String(out.readAllBytes(), UTF_8)).isEqualTo(END);
    } finally {
      process.destroyForcibly();
    }
  }

  /** A process that prints in red, and then waits for the end of its input. */
  static final class Painting {
    private Painting() {}

    public static void main(String[] arguments) throws IOException {
      LogPrinter printer = onTerminal(System.out);
      printer.finishAtExit();
      printer.print(RED.getBytes(UTF_8), false);
      printer.flush();
      System.exit(System.in.read());
    }
  }

  /** A terminal on which Ctrl-S was pressed. */
  private static final class StoppedTerminal extends OutputStream {
    private final CountDownLatch stopped = new CountDownLatch(1);
    private final CountDownLatch goesOn = new CountDownLatch(1);

    @Override
    public void write(int single) throws IOException {
      stopped.countDown();
      try {
        goesOn.await();
      } catch (InterruptedException impossible) {
        throw new IOException(impossible);
      }
    }
  }
}
