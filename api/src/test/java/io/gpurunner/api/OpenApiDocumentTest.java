package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Compares the document of the API with the routes, and its examples with its schemas. */
final class OpenApiDocumentTest {
  private final ApiDocument document = new ApiDocument();

  @Test
  void isAnsweredToWhoHasAToken() throws Exception {
    try (ApiFixture api = new ApiFixture()) {
      assertThat(new JsonObject(api.get("/api/openapi.json").body())).isEqualTo(document.root());
      ErrorBody.message(api.send(api.request("/api/openapi.json").GET()), 401);
      assertThat(new JsonObject(api.get("/api/openapi.json").body())).isEqualTo(document.root());
    }
  }

  @Test
  void hasEveryRouteAndNoOther() throws Exception {
    try (ApiFixture api = new ApiFixture()) {
      assertThat(api.routes())
          .containsExactlyInAnyOrderElementsOf(
              document.operations().stream()
                  .map(
                      one ->
                          one.method().toUpperCase(java.util.Locale.ROOT)
                              + " "
                              + one.path().template())
                  .toList());
    }
  }

  @Test
  void everyOperationHasAnIdATagThatIsExplainedAndAnswers() {
    Set<String> tags =
        document.root().getJsonArray("tags").stream()
            .map(tag -> ((JsonObject) tag).getString("name"))
            .collect(Collectors.toSet());
    assertThat(document.operations()).extracting(ApiDocument.Operation::id).doesNotHaveDuplicates();
    assertThat(document.operations())
        .allSatisfy(
            operation -> {
              assertThat(operation.fields().getString("summary")).isNotBlank();
              assertThat(operation.fields().getJsonArray("tags")).allMatch(tags::contains);
              JsonObject answers = operation.fields().getJsonObject("responses");
              assertThat(answers.containsKey("200")).isTrue();
              answers.forEach(
                  answer ->
                      assertThat(
                              document
                                  .resolved((JsonObject) answer.getValue())
                                  .getString("description"))
                          .isNotBlank());
            });
  }

  @Test
  void theExamplesAreAsTheirSchemasSay() {
    JsonObject schemas = document.root().getJsonObject("components").getJsonObject("schemas");
    int examples = 0;
    for (String name : schemas.fieldNames()) {
      JsonObject reference = new JsonObject().put("$ref", "#/components/schemas/" + name);
      for (Object example : schemas.getJsonObject(name).getJsonArray("examples", new JsonArray())) {
        assertThat(document.faults(reference, example)).as(name).isEmpty();
        examples++;
      }
    }
    assertThat(examples).isGreaterThan(15);
  }

  @Test
  void aWrongValueIsFound() {
    JsonObject reference = new JsonObject().put("$ref", "#/components/schemas/JobRequest");
    JsonObject wrong = GuideBodies.minimal().put("modelVol", "10G");
    assertThat(document.faults(reference, wrong).orElseThrow()).contains("modelVol");
    assertThat(document.faults(reference, GuideBodies.minimal())).isEmpty();
    assertThat(document.faults(reference, GuideBodies.minimal().put("stopType", 1))).isPresent();
    JsonObject answer = new JsonObject().put("user", "ann").put("admin", true).put("more", 1);
    assertThat(document.faults(new JsonObject().put("$ref", "#/components/schemas/Whoami"), answer))
        .isPresent();
  }
}
