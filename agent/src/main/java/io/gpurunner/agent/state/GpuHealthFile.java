package io.gpurunner.agent.state;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;

import io.gpurunner.gpu.GpuHealth;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.gpu.HealthBook;
import io.gpurunner.storage.FileFault;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The health of the GPUs that are not healthy, as a file below the state directory. It is replaced
 * as a whole, and is on disk when a save returns. Not thread-safe: {@link HealthBook} has a lock.
 */
public final class GpuHealthFile implements HealthBook.Store {
  /** The file below the state directory. */
  static final String FILE = "gpu-health";

  private static final Logger log = LoggerFactory.getLogger(GpuHealthFile.class);

  private final Path file;

  public GpuHealthFile(Path stateDirectory) {
    this.file = stateDirectory.resolve(FILE);
  }

  /**
   * Returns what was saved last. A file that cannot be read is logged, and counts as none: GPUs
   * that are damaged show it again, and no start fails for it.
   */
  @Override
  public HealthBook.Saved load() {
    try {
      JsonObject json = new JsonObject(Files.readString(file));
      Map<GpuUuid, GpuHealth> devices = new TreeMap<>();
      for (Object each : json.getJsonArray("gpus")) {
        JsonObject gpu = (JsonObject) each;
        devices.put(new GpuUuid(gpu.getString("uuid")), health(gpu));
      }
      return new HealthBook.Saved(json.getString("boot", ""), devices);
    } catch (NoSuchFileException none) {
      return HealthBook.Saved.NOTHING;
    } catch (IOException e) {
      log.error("the health of the GPUs is not known: {}", FileFault.words(e, file));
    } catch (DecodeException
        | ClassCastException
        | NullPointerException
        | DateTimeParseException
        | IllegalArgumentException e) {
      log.error("the health of the GPUs is not known: {} is damaged", file, e);
    }
    return HealthBook.Saved.NOTHING;
  }

  private static GpuHealth health(JsonObject gpu) {
    List<GpuHealth.Hold> holds =
        gpu.getJsonArray("holds").stream()
            .map(JsonObject.class::cast)
            .map(
                hold ->
                    new GpuHealth.Hold(
                        hold.getString("why"),
                        instant(hold, "at"),
                        GpuHealth.Ends.valueOf(hold.getString("ends"))))
            .toList();
    return new GpuHealth(
        GpuHealth.State.valueOf(gpu.getString("state")),
        Optional.ofNullable(gpu.getString("reason")),
        instant(gpu, "since"),
        instant(gpu, "lastSign"),
        holds,
        instant(gpu, "trustedAfter"));
  }

  private static Instant instant(JsonObject json, String key) {
    return Instant.parse(json.getString(key));
  }

  @Override
  public void save(HealthBook.Saved saved) {
    JsonArray gpus = new JsonArray();
    saved.devices().forEach((uuid, health) -> gpus.add(json(uuid, health)));
    String text = new JsonObject().put("boot", saved.bootId()).put("gpus", gpus).encodePrettily();
    Path draft = file.resolveSibling(FILE + ".new");
    try {
      try (FileChannel channel = FileChannel.open(draft, CREATE, WRITE, TRUNCATE_EXISTING)) {
        ByteBuffer bytes = ByteBuffer.wrap((text + "\n").getBytes(StandardCharsets.UTF_8));
        while (bytes.hasRemaining()) {
          channel.write(bytes);
        }
        channel.force(true);
      }
      Files.move(draft, file, ATOMIC_MOVE, REPLACE_EXISTING);
      try (FileChannel directory = FileChannel.open(file.resolveSibling("."))) {
        directory.force(true);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(FileFault.words(e, file), e);
    }
  }

  private static JsonObject json(GpuUuid uuid, GpuHealth health) {
    JsonArray holds = new JsonArray();
    for (GpuHealth.Hold hold : health.holds()) {
      holds.add(
          new JsonObject()
              .put("why", hold.why())
              .put("at", hold.at().toString())
              .put("ends", hold.ends().name()));
    }
    JsonObject json =
        new JsonObject().put("uuid", uuid.value()).put("state", health.state().name());
    health.reason().ifPresent(reason -> json.put("reason", reason));
    return json.put("since", health.since().toString())
        .put("lastSign", health.lastSign().toString())
        .put("holds", holds)
        .put("trustedAfter", health.trustedAfter().toString());
  }
}
