package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Sends generated bodies, which are the same for the same seed. Every answer is 200, or 4xx with
 * the error body, and a job is stored only with a 200.
 */
final class MalformedBodiesTest {
  private static final int BODIES_A_SEED = 1_500;
  private static final String[] PATHS = {
    "/api/userJob",
    "/api/userJob",
    "/api/userJob",
    "/api/userJob/job_status",
    "/api/userJob/job_del"
  };

  private static ApiFixture api;

  @BeforeAll
  static void start() {
    api = new ApiFixture();
  }

  @AfterAll
  static void stop() {
    api.close();
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void neverAnswers5xxAndStoresNothingWrong(long seed) throws Exception {
    Random random = new Random(seed);
    api.jobs.stored.clear();
    int accepted = 0;
    for (int number = 0; number < BODIES_A_SEED; number++) {
      String path = PATHS[random.nextInt(PATHS.length)];
      byte[] body = body(random);
      HttpResponse<String> response = api.post(path, body);
      if (response.statusCode() == 200) {
        accepted++;
        assertThat(path).isEqualTo("/api/userJob");
        assertThat(new JsonObject(response.body()).getString("job_id")).startsWith("ai");
      } else {
        assertThat(response.statusCode())
            .as("seed %d body %d: %s", seed, number, response.body())
            .isIn(400, 404, 413);
        String message = ErrorBody.message(response, response.statusCode());
        assertThat(message.chars().noneMatch(Character::isISOControl)).as(message).isTrue();
        assertThat(message.length()).isLessThan(20_000);
      }
    }
    assertThat(api.jobs.stored).hasSize(accepted);
  }

  private static byte[] body(Random random) {
    return switch (random.nextInt(6)) {
      case 0 -> noise(random);
      case 1 -> flipped(random);
      case 2 -> cut(random);
      case 3 -> spliced(random);
      default -> text(mutated(random).encode());
    };
  }

  private static byte[] noise(Random random) {
    byte[] bytes = new byte[random.nextInt(300)];
    random.nextBytes(bytes);
    return bytes;
  }

  private static byte[] flipped(Random random) {
    byte[] bytes = text(GuideBodies.CREATE);
    int flips = 1 + random.nextInt(5);
    for (int flip = 0; flip < flips; flip++) {
      bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
    }
    return bytes;
  }

  private static byte[] cut(Random random) {
    byte[] bytes = text(GuideBodies.CREATE);
    int from = random.nextInt(bytes.length);
    return Arrays.copyOfRange(bytes, 0, from);
  }

  /** Returns the guide's body with pieces of JSON inserted. */
  private static byte[] spliced(Random random) {
    String[] pieces = {
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      "\"",
      "\\",
      "\\u0000",
      "\\ud800",
      "null",
      "1e999",
      "-",
      "\n",
      "\0",
      "\uFEFF",
      "😀",
      "[".repeat(2000),
      "9".repeat(5000),
      "\"gpuNumber\":1,",
      "/*x*/",
      "\"env\":{},"
    };
    StringBuilder body = new StringBuilder(GuideBodies.CREATE);
    int count = 1 + random.nextInt(4);
    for (int piece = 0; piece < count; piece++) {
      body.insert(random.nextInt(body.length()), pieces[random.nextInt(pieces.length)]);
    }
    return text(body.toString());
  }

  /** Returns the guide's body with fields removed, or with odd values. */
  private static JsonObject mutated(Random random) {
    JsonObject body = new JsonObject(GuideBodies.CREATE);
    List<String> fields = new ArrayList<>(body.fieldNames());
    fields.addAll(
        List.of(
            "name",
            "priority",
            "retries",
            "gracePeriod",
            "labels",
            "resumeFrom",
            "job_id",
            "other"));
    int changes = 1 + random.nextInt(4);
    for (int change = 0; change < changes; change++) {
      String field = fields.get(random.nextInt(fields.size()));
      if (random.nextInt(8) == 0) {
        body.remove(field);
      } else {
        body.put(field, odd(random, 0));
      }
    }
    return body;
  }

  private static Object odd(Random random, int depth) {
    return switch (random.nextInt(depth > 3 ? 9 : 12)) {
      case 0 -> random.nextLong();
      case 1 -> random.nextInt(20) - 5;
      case 2 -> random.nextDouble() * Math.pow(10, random.nextInt(600) - 300);
      case 3 -> random.nextBoolean();
      case 4 -> Integer.toString(random.nextInt(20) - 5);
      case 5 -> oddText(random);
      case 6 -> "/" + oddText(random);
      case 7 -> "x".repeat(random.nextInt(100_000));
      case 8 -> "http://" + oddText(random);
      case 9 -> new JsonArray().add(odd(random, depth + 1)).add(odd(random, depth + 1));
      case 10 -> new JsonObject().put(oddText(random), odd(random, depth + 1));
      default -> new JsonObject().put("A", odd(random, depth + 1)).putNull("B").encode();
    };
  }

  private static String oddText(Random random) {
    String alphabet = "aZ09-_./:@ \t\n\r\0\u001b\u007f\u0085\u2028\u202e\"\\'{}[]$`;|&<>*?~#%é数😀";
    int[] characters = alphabet.codePoints().toArray();
    StringBuilder text = new StringBuilder();
    int length = random.nextInt(30);
    for (int at = 0; at < length; at++) {
      text.appendCodePoint(characters[random.nextInt(characters.length)]);
    }
    return text.toString();
  }

  private static byte[] text(String body) {
    return body.getBytes(StandardCharsets.UTF_8);
  }
}
