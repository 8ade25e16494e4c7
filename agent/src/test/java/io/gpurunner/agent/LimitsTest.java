package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import io.gpurunner.agent.config.AgentConfig;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The table of limits in ARCHITECTURE.md says what the constants and the configuration do. */
final class LimitsTest {
  private static final Pattern NAMED =
      Pattern.compile("\\| .*`([A-Z][A-Za-z0-9]+)\\.([A-Z_0-9]+)` \\| ([^|]+) \\| [^|]+ \\|");
  private static final Pattern CONFIGURED =
      Pattern.compile("\\| .*`([a-z]+\\.[a-z-]+)` \\| ([^|]+) \\| [^|]+ \\|");
  private static final Pattern VALUE = Pattern.compile("([0-9,]+)(?: (s|d|KiB|MiB))?");

  private static final JavaClasses CLASSES =
      new ClassFileImporter(List.of(new ImportOption.DoNotIncludeTests()))
          .importPackages("io.gpurunner");

  record Row(String className, String constant, String value) {}

  private static List<String> table() throws IOException {
    return Files.readAllLines(Path.of("..", "ARCHITECTURE.md")).stream()
        .dropWhile(line -> !line.equals("## Limits"))
        .dropWhile(line -> !line.equals("|---|---|---|"))
        .skip(1)
        .takeWhile(line -> line.startsWith("|"))
        .toList();
  }

  static List<Row> constants() throws IOException {
    return table().stream()
        .map(NAMED::matcher)
        .filter(Matcher::matches)
        .map(row -> new Row(row.group(1), row.group(2), row.group(3)))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("constants")
  void aConstantIsWhatTheTableSays(Row row) throws ReflectiveOperationException {
    JavaClass owner =
        CLASSES.stream()
            .filter(candidate -> candidate.getSimpleName().equals(row.className()))
            .findFirst()
            .orElseThrow(() -> new AssertionError("no class " + row.className()));
    Field field = owner.reflect().getDeclaredField(row.constant());
    field.setAccessible(true);
    assertThat(numberOf(field.get(null))).isEqualTo(numberOf(row.value()));
  }

  private static long numberOf(Object constant) {
    return switch (constant) {
      case Duration duration -> duration.toSeconds();
      case Number number -> number.longValue();
      default -> throw new AssertionError("no number: " + constant);
    };
  }

  private static long numberOf(String words) {
    Matcher value = VALUE.matcher(words);
    assertThat(value.matches()).as(words).isTrue();
    long number = Long.parseLong(value.group(1).replace(",", ""));
    return switch (value.group(2)) {
      case "MiB" -> number << 20;
      case "KiB" -> number << 10;
      case "d" -> Duration.ofDays(number).toSeconds();
      case null, default -> number;
    };
  }

  @Test
  void aSettingsDefaultIsWhatTheTableSays() throws IOException {
    AgentConfig config = AgentConfig.defaults();
    for (String line : table()) {
      Matcher row = CONFIGURED.matcher(line);
      if (row.matches()) {
        Duration value =
            switch (row.group(1)) {
              case "store.retry-for" -> config.store().retryFor();
              case "callbacks.retry-for" -> config.callbacks().retryFor();
              case "jobs.retention" -> config.jobs().retention();
              default -> throw new AssertionError("no such setting here: " + row.group(1));
            };
        assertThat(value.toSeconds()).as(line).isEqualTo(numberOf(row.group(2)));
      }
    }
  }

  @Test
  void everyRowNamesAConstantOrASetting() throws IOException {
    assertThat(table())
        .isNotEmpty()
        .allMatch(line -> NAMED.matcher(line).matches() || CONFIGURED.matcher(line).matches());
  }
}
