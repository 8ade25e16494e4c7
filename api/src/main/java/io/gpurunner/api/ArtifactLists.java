package io.gpurunner.api;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;

/**
 * {@code GET /api/userJob/:id/artifacts}: the files that a job has published. An answer holds the
 * manifest, which may be long, until its client has read it. So only a few are created at a time,
 * and one for each user. Thread-safe; methods block.
 */
final class ArtifactLists {
  private static final JsonFactory JSON = new JsonFactory();
  private static final byte[] MANIFEST = ",\"manifest\":".getBytes(StandardCharsets.UTF_8);

  private final Jobs jobs;
  private final Semaphore free = new Semaphore(ApiLimits.MAX_ARTIFACT_LISTS);
  private final Set<String> users = ConcurrentHashMap.newKeySet();

  ArtifactLists(Jobs jobs) {
    this.jobs = jobs;
  }

  /**
   * Returns the answer about a job.
   *
   * @throws RequestRefusedException TOO_MANY or UNAVAILABLE while others are created or sent
   */
  Answer answer(Caller caller, JobId id) {
    if (!users.add(caller.user())) {
      throw new RequestRefusedException(
          RequestRefusedException.Kind.TOO_MANY,
          "another list of artifacts is being sent to " + caller.user() + "; ask again after it",
          ApiLimits.RETRY_AFTER);
    }
    if (!free.tryAcquire()) {
      users.remove(caller.user());
      throw new RequestRefusedException(
          RequestRefusedException.Kind.UNAVAILABLE,
          "%d lists of artifacts are being sent to others, the most at a time; ask again"
              .formatted(ApiLimits.MAX_ARTIFACT_LISTS),
          ApiLimits.RETRY_AFTER);
    }
    boolean created = false;
    try {
      Answer answer =
          new Answer(200, Map.of(), body(jobs.artifacts(caller, id)), () -> giveBack(caller));
      created = true;
      return answer;
    } finally {
      if (!created) {
        giveBack(caller);
      }
    }
  }

  private void giveBack(Caller caller) {
    free.release();
    users.remove(caller.user());
  }

  private static Buffer body(JobArtifacts artifacts) {
    JsonObject json = JobJson.created(artifacts.id()).put("state", artifacts.state());
    JsonArray files = new JsonArray();
    for (JobArtifacts.File file : artifacts.files()) {
      JsonObject one = new JsonObject().put("name", file.name());
      file.bytes().ifPresent(bytes -> one.put("bytes", bytes));
      files.add(one.put("url", file.url().toString()));
    }
    if (!artifacts.files().isEmpty()) {
      json.put("url", artifacts.files().getFirst().url().toString());
    }
    json.put("files", files);
    artifacts.reason().ifPresent(reason -> json.put("reason", reason));
    artifacts.manifestReason().ifPresent(reason -> json.put("manifestReason", reason));
    Optional<byte[]> manifest = artifacts.manifest().map(ArtifactLists::bytes);
    if (manifest.isEmpty()) {
      return json.toBuffer();
    }
    if (!isObject(manifest.get())) {
      return json.put("manifestReason", "it is not the JSON that the agent wrote").toBuffer();
    }
    Buffer head = json.toBuffer();
    int last = head.length() - 1;
    return Buffer.buffer(last + MANIFEST.length + manifest.get().length + 1)
        .appendBuffer(head, 0, last)
        .appendBytes(MANIFEST)
        .appendBytes(manifest.get())
        .appendByte((byte) '}');
  }

  private static byte[] bytes(ByteBuffer content) {
    byte[] bytes = new byte[content.remaining()];
    content.duplicate().get(bytes);
    return bytes;
  }

  /** Returns whether the bytes are one JSON object and nothing else. It builds nothing of it. */
  private static boolean isObject(byte[] bytes) {
    try (JsonParser parser = JSON.createParser(bytes)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        return false;
      }
      parser.skipChildren();
      return parser.currentToken() == JsonToken.END_OBJECT && parser.nextToken() == null;
    } catch (IOException malformed) {
      return false;
    }
  }
}
