package io.gpurunner.agent.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/** Checks that dev/grafana asks only for what the agent exports. */
final class GrafanaTest {
  private static final Path DIRECTORY = Path.of("../dev/grafana");

  /** Labels that Prometheus adds, and that of the buckets of a histogram. */
  private static final Set<String> OTHER_LABELS = Set.of("instance", "job", "le");

  private static JsonNode dashboard() throws IOException {
    return JsonMapper.builder()
        .build()
        .readTree(Files.readString(DIRECTORY.resolve("dashboard.json")));
  }

  private static List<String> expressionsOfTheDashboard() throws IOException {
    return dashboard().findValuesAsText("expr");
  }

  private static List<Map<?, ?>> rules() throws IOException {
    Object file =
        new Load(LoadSettings.builder().build())
            .loadFromString(Files.readString(DIRECTORY.resolve("alerts.yml")));
    List<Map<?, ?>> rules = new ArrayList<>();
    for (Object group : list(map(file).get("groups"))) {
      list(map(group).get("rules")).forEach(rule -> rules.add(map(rule)));
    }
    return rules;
  }

  private static Map<?, ?> map(@Nullable Object node) {
    assertThat(node).isInstanceOf(Map.class);
    return (Map<?, ?>) Objects.requireNonNull(node);
  }

  private static List<?> list(@Nullable Object node) {
    assertThat(node).isInstanceOf(List.class);
    return (List<?>) Objects.requireNonNull(node);
  }

  private static void assertExported(String expression) {
    Query query = new Query(expression);
    assertThat(query.metrics()).as(expression).isNotEmpty().isSubsetOf(MetricNames.samples());
    Set<String> known = new HashSet<>(OTHER_LABELS);
    query.metrics().forEach(metric -> known.addAll(family(metric).labels()));
    assertThat(known).as("labels of %s", expression).containsAll(query.groups());
    query
        .labels()
        .forEach(
            (metric, labels) -> {
              Set<String> own = new HashSet<>(OTHER_LABELS);
              own.addAll(family(metric).labels());
              assertThat(own).as("labels of %s in %s", metric, expression).containsAll(labels);
            });
  }

  private static Family family(String sample) {
    return Arrays.stream(Family.values())
        .filter(
            family ->
                sample.equals(family.metric())
                    || (family.kind() == Family.Kind.HISTOGRAM
                        && sample.startsWith(family.metric() + "_")))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no such metric: " + sample));
  }

  @Test
  void theDashboardAsksOnlyForWhatIsExported() throws IOException {
    assertThat(expressionsOfTheDashboard())
        .hasSizeGreaterThan(30)
        .allSatisfy(GrafanaTest::assertExported);
    assertThat(Files.readString(DIRECTORY.resolve("dashboard.json")))
        .contains("label_values(" + Family.BUILD.metric() + ", instance)");
  }

  @Test
  void theAlertsAskOnlyForWhatIsExported() throws IOException {
    assertThat(rules())
        .hasSize(7)
        .allSatisfy(rule -> assertExported(String.valueOf(rule.get("expr"))));
  }

  @Test
  void eachFamilyOfJobsGpusAndDisksIsOnTheDashboardOrInAnAlert() throws IOException {
    Set<String> asked = new HashSet<>();
    expressionsOfTheDashboard().forEach(query -> asked.addAll(new Query(query).metrics()));
    rules().forEach(rule -> asked.addAll(new Query(String.valueOf(rule.get("expr"))).metrics()));
    Set<Family> shown = new HashSet<>();
    asked.forEach(metric -> shown.add(family(metric)));
    // These only describe, or are looked up by a person.
    assertThat(Family.values())
        .filteredOn(family -> !shown.contains(family))
        .containsExactly(
            Family.BUILD,
            Family.GPU_INFO,
            Family.GPU_MEMORY_TOTAL,
            Family.GPU_ENERGY,
            Family.GPU_LAST_XID);
  }

  @Test
  void eachAlertSaysWhatIsWrongAndWhatToDo() throws IOException {
    assertThat(rules())
        .allSatisfy(
            rule -> {
              Map<?, ?> annotations = map(rule.get("annotations"));
              assertThat(String.valueOf(annotations.get("summary")))
                  .endsWith(".")
                  .hasSizeGreaterThan(30);
              assertThat(String.valueOf(annotations.get("description")))
                  .endsWith(".")
                  .hasSizeGreaterThan(30);
              assertThat(map(rule.get("labels")).get("severity")).isIn("warning", "critical");
            });
  }

  @Test
  void eachPanelTakesItsDataFromTheSourceThatIsChosen() throws IOException {
    Set<Integer> ids = new HashSet<>();
    for (JsonNode panel : dashboard().get("panels")) {
      assertThat(ids.add(panel.get("id").asInt())).isTrue();
      if (!panel.get("type").asText().equals("row")) {
        assertThat(Optional.ofNullable(panel.at("/datasource/uid").asText()))
            .contains("${datasource}");
        assertThat(panel.get("targets")).isNotEmpty();
      }
    }
    assertThat(dashboard().findValuesAsText("query")).contains("prometheus");
  }

  @Test
  void aMisspelledNameIsFound() {
    assertThat(
            new Query("sum by (state) (rate(gpuruner_jobs{state=\"a b\"}[5m])) > 3 and up")
                .metrics())
        .containsExactly("gpuruner_jobs", "up");
    assertThat(new Query("min_over_time(x_total{gpu=~\"0|1\", uuid!=\"b\"}[1h] offset 5m) < 1e9"))
        .satisfies(query -> assertThat(query.metrics()).containsExactly("x_total"))
        .satisfies(
            query ->
                assertThat(query.labels()).isEqualTo(Map.of("x_total", List.of("gpu", "uuid"))));
  }
}
