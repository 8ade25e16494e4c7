package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.net.http.HttpResponse;

/** Checks the contract's error body. */
final class ErrorBody {
  private ErrorBody() {}

  /** Asserts the status and the form of the body. Returns its message. */
  static String message(HttpResponse<String> response, int status) {
    assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
    assertThat(response.headers().firstValue("Content-Type")).contains("application/json");
    return message(response.body(), status);
  }

  static String message(String body, int status) {
    JsonObject json = new JsonObject(body);
    assertThat(json.fieldNames()).containsExactly("status", "timestamp", "message");
    assertThat(json.getValue("status")).isEqualTo(status);
    assertThat(json.getValue("timestamp")).isEqualTo(ApiFixture.NOW.toEpochMilli());
    assertThat(json.getString("message")).isNotBlank();
    return json.getString("message");
  }
}
