package io.gpurunner.agent.metrics;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names in a query of Prometheus: of metrics, and of the labels that it asks of each. Whatever
 * is no word of the language counts as the name of a metric, so that a misspelled one is found.
 */
final class Query {
  private static final Pattern TEXT = Pattern.compile("\"[^\"]*\"|'[^']*'");
  private static final Pattern RANGE = Pattern.compile("\\[[^]]*]");
  private static final Pattern GROUPING =
      Pattern.compile("\\b(by|on|ignoring|without|group_left|group_right)\\s*\\(([^)]*)\\)");
  private static final Pattern SELECTOR =
      Pattern.compile("([a-zA-Z_:][a-zA-Z0-9_:]*)\\s*\\{([^}]*)}");
  private static final Pattern LABEL =
      Pattern.compile("([a-zA-Z_][a-zA-Z0-9_]*)\\s*(?:=~|!~|!=|=)");
  private static final Pattern WORD =
      Pattern.compile("(?<![a-zA-Z0-9_:.])[a-zA-Z_:][a-zA-Z0-9_:]*(?!\\s*\\(|[a-zA-Z0-9_:])");
  private static final Set<String> WORDS_OF_THE_LANGUAGE =
      Set.of("and", "or", "unless", "by", "on", "ignoring", "without", "offset", "bool");

  private final Set<String> metrics = new TreeSet<>();
  private final Map<String, List<String>> labels = new LinkedHashMap<>();
  private final List<String> groups = new ArrayList<>();

  Query(String expression) {
    String rest = RANGE.matcher(TEXT.matcher(expression).replaceAll("")).replaceAll("");
    Matcher grouping = GROUPING.matcher(rest);
    while (grouping.find()) {
      for (String label : grouping.group(2).split(",", -1)) {
        groups.add(label.strip());
      }
    }
    rest = GROUPING.matcher(rest).replaceAll(" ");
    Matcher selector = SELECTOR.matcher(rest);
    while (selector.find()) {
      Matcher label = LABEL.matcher(selector.group(2));
      while (label.find()) {
        labels.computeIfAbsent(selector.group(1), _ -> new ArrayList<>()).add(label.group(1));
      }
    }
    Matcher word = WORD.matcher(rest.replaceAll("\\{[^}]*}", ""));
    while (word.find()) {
      if (!WORDS_OF_THE_LANGUAGE.contains(word.group())) {
        metrics.add(word.group());
      }
    }
  }

  /** Returns the names of the metrics. */
  Set<String> metrics() {
    return metrics;
  }

  /** Returns for each metric the labels by which it is chosen. */
  Map<String, List<String>> labels() {
    return labels;
  }

  /** Returns the labels by which results are put together. */
  List<String> groups() {
    return groups;
  }
}
