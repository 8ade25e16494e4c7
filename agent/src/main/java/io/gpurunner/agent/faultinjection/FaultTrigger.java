package io.gpurunner.agent.faultinjection;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Ends the process at the point that a file names: {@code store.put.before}, or {@code
 * store.put.before:2} for the second time it is reached since the file was written. The file is
 * read each time a point is reached, so that one start serves many tests; no file, no end.
 * Thread-safe.
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
      throw new UncheckedIOException("the file of fault points cannot be read", e);
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
