package io.gpurunner.agent.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A page of metrics in Prometheus' text format 0.0.4, read strictly: a page that breaks a rule of
 * the format is no page. Immutable.
 */
public final class Exposition {
  private static final Pattern COMMENT =
      Pattern.compile("# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)");
  private static final Pattern SAMPLE =
      Pattern.compile("([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\\{(.*)})? ([-+0-9.eE]+|\\+Inf|-Inf|NaN)");
  private static final Pattern LABEL =
      Pattern.compile("([a-zA-Z_][a-zA-Z0-9_]*)=\"((?:[^\"\\\\\n]|\\\\[\\\\\"n])*)\",?");
  private static final List<String> TYPES =
      List.of("counter", "gauge", "histogram", "summary", "untyped");

  /** A sample: its name with its labels. */
  public record Series(String name, Map<String, String> labels) {
    public Series {
      labels = Map.copyOf(labels);
    }
  }

  private final Map<String, String> types = new LinkedHashMap<>();
  private final Map<Series, Double> samples = new LinkedHashMap<>();

  /** Reads a page. */
  public Exposition(String page) {
    assertThat(page).endsWith("\n");
    Set<String> helped = new HashSet<>();
    String family = "";
    for (String line : page.substring(0, page.length() - 1).split("\n", -1)) {
      Matcher comment = COMMENT.matcher(line);
      if (comment.matches()) {
        family = comment.group(2);
        if (comment.group(1).equals("HELP")) {
          assertThat(helped.add(family)).as("a second %s", line).isTrue();
          assertThat(types).as("help comes first").doesNotContainKey(family);
        } else {
          assertThat(comment.group(3)).isIn(TYPES);
          assertThat(types.put(family, comment.group(3))).as("a second %s", line).isNull();
        }
      } else {
        addSample(line, family);
      }
    }
    assertThat(types.keySet()).as("each family has help").isEqualTo(helped);
    buckets();
  }

  private void addSample(String line, String family) {
    Matcher sample = SAMPLE.matcher(line);
    assertThat(sample.matches()).as("a sample: %s", line).isTrue();
    String name = sample.group(1);
    assertThat(namesOf(family)).as("the family of %s", line).contains(name);
    Series series = new Series(name, labels(Optional.ofNullable(sample.group(2)).orElse(""), line));
    assertThat(samples.put(series, number(sample.group(3)))).as("a second %s", line).isNull();
  }

  private List<String> namesOf(String family) {
    return "histogram".equals(types.get(family))
        ? List.of(family + "_bucket", family + "_sum", family + "_count")
        : List.of(family);
  }

  private static double number(String text) {
    return switch (text) {
      case "+Inf" -> Double.POSITIVE_INFINITY;
      case "-Inf" -> Double.NEGATIVE_INFINITY;
      default -> Double.parseDouble(text);
    };
  }

  private static Map<String, String> labels(String text, String line) {
    Map<String, String> labels = new TreeMap<>();
    Matcher label = LABEL.matcher(text);
    int end = 0;
    while (label.find()) {
      assertThat(label.start()).as("labels of %s", line).isEqualTo(end);
      assertThat(labels.put(label.group(1), label.group(2))).as("a second label").isNull();
      end = label.end();
    }
    assertThat(end).as("labels of %s", line).isEqualTo(text.length());
    return labels;
  }

  /** Checks that the buckets of histograms grow, and that the last one has all. */
  private void buckets() {
    types.forEach(
        (family, type) -> {
          if (type.equals("histogram")) {
            List<Double> counts = new ArrayList<>();
            samples.forEach(
                (series, value) -> {
                  if (series.name().equals(family + "_bucket")) {
                    counts.add(value);
                  }
                });
            assertThat(counts).as(family).isSorted().hasSizeGreaterThan(1);
            assertThat(value(family + "_bucket", "le", "+Inf"))
                .hasValue(counts.getLast())
                .isEqualTo(value(family + "_count"));
          }
        });
  }

  /** Returns the families with their types. */
  public Map<String, String> types() {
    return Map.copyOf(types);
  }

  /** Returns the series of a name. */
  public List<Series> series(String name) {
    return samples.keySet().stream().filter(series -> series.name().equals(name)).toList();
  }

  /**
   * Returns a value. It is empty if there is no such series.
   *
   * @param labels names and values of labels by turns; the series may have more
   */
  public OptionalDouble value(String name, String... labels) {
    Map<String, String> wanted = new HashMap<>();
    for (int label = 0; label < labels.length; label += 2) {
      wanted.put(labels[label], labels[label + 1]);
    }
    List<Double> found =
        samples.entrySet().stream()
            .filter(sample -> sample.getKey().name().equals(name))
            .filter(sample -> sample.getKey().labels().entrySet().containsAll(wanted.entrySet()))
            .map(Map.Entry::getValue)
            .toList();
    assertThat(found).as("%s %s", name, wanted).hasSizeLessThanOrEqualTo(1);
    return found.isEmpty() ? OptionalDouble.empty() : OptionalDouble.of(found.getFirst());
  }

  /** Returns all values of a name by the value of one of its labels. */
  public Map<String, Double> by(String label, String name) {
    Map<String, Double> values = new TreeMap<>();
    samples.forEach(
        (series, value) -> {
          if (series.name().equals(name)) {
            values.merge(series.labels().getOrDefault(label, ""), value, Double::sum);
          }
        });
    return values;
  }
}
