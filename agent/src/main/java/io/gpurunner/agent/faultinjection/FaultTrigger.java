package io.gpurunner.agent.faultinjection;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Ends the process when it reaches the point that a file names. The text {@code store.put.before}
 * means the first time, and {@code store.put.before:2} the second time since the file was written.
 * The file is read at each point, so that tests can use one process one after another. Without the
 * file nothing happens. Thread-safe.
 */
final class FaultTrigger {
  private final Path file;
  private final Runnable end;
  private String armed = "";
  private int timesLeft;

  FaultTrigger(Path file, Runnable end) {
    this.file = file;
    this.end = end;
  }

  synchronized void reached(String point) {
    String now = text();
    if (!now.equals(armed)) {
      armed = now;
      timesLeft = times(now);
    }
    if (point.equals(withoutTimes(now)) && --timesLeft == 0) {
      end.run();
    }
  }

  private String text() {
    try {
      return Files.readString(file).strip();
    } catch (NoSuchFileException none) {
      return "";
    } catch (IOException e) {
      throw new UncheckedIOException(
          "the file that names the fault point cannot be read: " + file, e);
    }
  }

  private static String withoutTimes(String text) {
    int colon = text.indexOf(':');
    return colon < 0 ? text : text.substring(0, colon);
  }

  private static int times(String text) {
    int colon = text.indexOf(':');
    return colon < 0 ? 1 : Integer.parseInt(text.substring(colon + 1));
  }
}
