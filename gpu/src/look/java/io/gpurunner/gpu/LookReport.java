package io.gpurunner.gpu;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The report of a look. Each line goes to the standard output and to {@code report.txt} at once, so
 * that a look that is killed leaves what it knows. Thread-safe.
 */
final class LookReport {
  private final Optional<Path> folder;

  /**
   * @param folder where the files go; without one the report is only printed
   */
  LookReport(Optional<Path> folder) {
    this.folder = folder;
    folder.ifPresent(
        path -> {
          try {
            Files.createDirectories(path);
            Files.deleteIfExists(path.resolve("report.txt"));
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  /** Adds a line. */
  void line(String format, @Nullable Object... values) {
    String text = values.length == 0 ? format : String.format(Locale.ROOT, format, values);
    synchronized (this) {
      System.out.println(text);
      append("report.txt", text);
    }
  }

  /** Begins a file {@code NAME.tsv} with these columns. */
  Table table(String name, String... columns) {
    Table table = new Table(name + ".tsv");
    folder.ifPresent(
        path -> {
          try {
            Files.deleteIfExists(path.resolve(table.file));
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
    table.row((Object[]) columns);
    return table;
  }

  /** A file of rows whose values are separated by tabs. Thread-safe. */
  final class Table {
    private final String file;

    private Table(String file) {
      this.file = file;
    }

    void row(Object... values) {
      append(
          file,
          Arrays.stream(values)
              .map(value -> String.valueOf(value).replaceAll("\\s+", " "))
              .collect(Collectors.joining("\t")));
    }
  }

  private synchronized void append(String file, String text) {
    folder.ifPresent(
        path -> {
          try {
            Files.writeString(
                path.resolve(file),
                text + "\n",
                StandardOpenOption.CREATE,
                StandardOpenOption.APPEND);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }
}
