package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Tests each limit of a request: a value of exactly the limit is accepted, and a value beyond it by
 * one is refused.
 */
final class JobRequestLimitsTest {
  private static final Caller CALLER = new Caller("ann", false);

  private final FakeFacts facts = new FakeFacts();

  /**
   * A limit of a field.
   *
   * @param value returns a value of a given size, in what the limit counts: characters, bytes or
   *     entries
   */
  record Limit(String field, int most, IntFunction<Object> value) {
    @Override
    public String toString() {
      return field + " of " + most;
    }
  }

  private static String letters(int count) {
    return "x".repeat(count);
  }

  private static JsonObject entries(int count) {
    JsonObject entries = new JsonObject();
    IntStream.range(0, count).forEach(number -> entries.put("a" + number, ""));
    return entries;
  }

  /** Returns variables whose names and values have this number of bytes. */
  private static JsonObject variables(int bytes) {
    int largest = JobRequestLimits.MAX_ENV_VALUE_BYTES;
    return new JsonObject()
        .put("a", letters(largest))
        .put("b", letters(largest - 100))
        .put("c", letters(bytes - 2 * largest + 100 - 3));
  }

  private static String image(int characters) {
    String digest = "@sha512:" + "0".repeat(128);
    String tag = ":" + letters(128);
    return letters(characters - tag.length() - digest.length()) + tag + digest;
  }

  static Stream<Limit> limits() {
    return Stream.of(
        new Limit("name", JobRequestLimits.MAX_NAME_CHARACTERS, JobRequestLimitsTest::letters),
        new Limit("runCommand", JobRequestLimits.MAX_COMMAND_BYTES, JobRequestLimitsTest::letters),
        new Limit(
            "callbackUrl",
            JobRequestLimits.MAX_URL_CHARACTERS,
            count -> "http://a/" + letters(count - 9)),
        new Limit("imagePath", JobRequestLimits.MAX_IMAGE_CHARACTERS, JobRequestLimitsTest::image),
        new Limit("imagePath", 255, JobRequestLimitsTest::letters),
        new Limit("imagePath", 128 + 2, count -> "x:" + letters(count - 2)),
        new Limit(
            "modelPath",
            JobRequestLimits.MAX_PATH_CHARACTERS,
            count -> "/" + "x/".repeat((count - 2) / 2) + letters(count % 2 + 1)),
        new Limit(
            "modelPath",
            JobRequestLimits.MAX_PATH_PART_BYTES + 1,
            count -> "/" + letters(count - 1)),
        new Limit("labels", JobRequestLimits.MAX_LABELS, JobRequestLimitsTest::entries),
        new Limit(
            "labels",
            JobRequestLimits.MAX_LABEL_KEY_CHARACTERS,
            count -> new JsonObject().put(letters(count), "")),
        new Limit(
            "labels",
            JobRequestLimits.MAX_LABEL_VALUE_CHARACTERS,
            count -> new JsonObject().put("a", letters(count))),
        new Limit("env", JobRequestLimits.MAX_ENV_VARIABLES, JobRequestLimitsTest::entries),
        new Limit(
            "env",
            JobRequestLimits.MAX_ENV_NAME_CHARACTERS,
            count -> new JsonObject().put(letters(count), "")),
        new Limit(
            "env",
            JobRequestLimits.MAX_ENV_VALUE_BYTES,
            count -> new JsonObject().put("a", letters(count))),
        new Limit("env", JobRequestLimits.MAX_ENV_BYTES, JobRequestLimitsTest::variables),
        new Limit("priority", JobRequestLimits.MAX_PRIORITY, count -> count),
        new Limit("priority", -JobRequestLimits.MIN_PRIORITY, count -> -count),
        new Limit("retries", JobRequestLimits.MAX_RETRIES, count -> count),
        new Limit("gracePeriod", JobRequestLimits.MAX_GRACE_SECONDS, count -> count));
  }

  @ParameterizedTest
  @MethodSource("limits")
  void isTakenAtTheLimitAndRefusedBeyond(Limit limit) {
    assertThat(refusals(with(limit, limit.most()))).isEmpty();
    assertThat(refusals(with(limit, limit.most() + 1)))
        .singleElement()
        .extracting(FieldError::field)
        .isEqualTo(limit.field());
  }

  private static JsonObject with(Limit limit, int count) {
    return GuideBodies.minimal().put(limit.field(), limit.value().apply(count));
  }

  private JobRequestParser.Result parse(JsonObject body) {
    return new JobRequestParser().parse(CALLER, Buffer.buffer(body.encode()), facts);
  }

  private List<FieldError> refusals(JsonObject body) {
    return switch (parse(body)) {
      case JobRequestParser.Result.Accepted _ -> List.of();
      case JobRequestParser.Result.Rejected rejected -> rejected.errors();
    };
  }

  @Test
  void blankOptionalFieldsCountAsAbsent() {
    JsonObject body =
        GuideBodies.minimal()
            .put("resumeFrom", " ")
            .put("datasetName", " ")
            .put("datasetPath", " ")
            .put("pretrainedModelName", "")
            .put("pretrainedModelPath", "");
    JobRequestParser.Result result = parse(body);
    assertThat(result)
        .isInstanceOfSatisfying(
            JobRequestParser.Result.Accepted.class,
            accepted -> assertThat(accepted.request().notes()).isEmpty());
  }

  @Test
  void aLibraryNameWithABlankPathLacksItsPath() {
    JsonObject body = GuideBodies.minimal().put("datasetName", "iris").put("datasetPath", " ");
    assertThat(refusals(body))
        .extracting(FieldError::toString)
        .containsExactly("datasetPath: is required with datasetName");
  }

  @Test
  void aNulCharacterIsRefusedInTheFirstPlaceToo() {
    assertThat(refusals(GuideBodies.minimal().put("runCommand", "\0ls")))
        .singleElement()
        .extracting(FieldError::field)
        .isEqualTo("runCommand");
    assertThat(refusals(GuideBodies.minimal().put("env", new JsonObject().put("a", "\0"))))
        .singleElement()
        .extracting(FieldError::field)
        .isEqualTo("env");
  }

  /** JsonReader counts the object, the list in it and each number of the list as a value. */
  @Test
  void aBodyHasSoManyValuesAndOneMoreIsRefused() throws Exception {
    JsonArray ones = new JsonArray();
    IntStream.range(0, ApiLimits.MAX_JSON_VALUES - 2).forEach(_ -> ones.add(1));
    assertThat(JsonReader.object(new JsonObject().put("a", ones).encode()).members()).hasSize(1);
    ones.add(1);
    assertThat(catchThrowable(() -> JsonReader.object(new JsonObject().put("a", ones).encode())))
        .isInstanceOf(MalformedJsonException.class);
  }

  @Test
  void aNumberAndAKeyAreTakenAtTheLimit() throws Exception {
    String key = letters(ApiLimits.MAX_JSON_NAME_CHARACTERS);
    String number = "1".repeat(ApiLimits.MAX_JSON_NUMBER_CHARACTERS);
    assertThat(JsonReader.object("{\"" + key + "\":" + number + "}").members()).containsKey(key);
  }

  @Test
  void asManyErrorsAsFitAreAllReported() {
    JsonObject body = GuideBodies.minimal();
    JsonObject labels = new JsonObject();
    IntStream.range(0, ApiLimits.MAX_REPORTED_ERRORS)
        .forEach(number -> labels.put("-" + number, ""));
    assertThat(message(body.copy().put("labels", labels))).doesNotContain("more");
    assertThat(message(body.copy().put("labels", labels.put("-", "")))).endsWith("; and 1 more");
  }

  private String message(JsonObject body) {
    return ((JobRequestParser.Result.Rejected) parse(body)).message();
  }
}
