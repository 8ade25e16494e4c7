package io.gpurunner.agent.simulation;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.gpurunner.agent.simulation.JobTruth.Cause;
import io.gpurunner.api.JobId;
import io.gpurunner.storage.ArtifactContent;
import io.gpurunner.storage.ArtifactPlace;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.Cancellation;
import io.gpurunner.storage.JobFolder;
import io.gpurunner.storage.ObjectKey;
import io.gpurunner.storage.StorageException;
import io.gpurunner.storage.StorageException.Kind;
import io.gpurunner.storage.StoredObject;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** The store as the agent meets it. Its objects outlive the agent. */
final class SimulatedStore implements ArtifactStore {
  static final String MANIFEST = "manifest.json";

  /**
   * How long a call may hang. It is as long as with S3Calls, which tries small objects three times.
   */
  private static final Duration CALL_LIMIT = Duration.ofSeconds(90);

  private final Simulation simulation;
  private final Port port;

  SimulatedStore(Simulation simulation, Port port) {
    this.simulation = simulation;
    this.port = port;
  }

  @Override
  public String description() {
    return "simulated store";
  }

  @Override
  public ArtifactPlace place() {
    return simulation.artifactsHere
        ? new ArtifactPlace.Local()
        : new ArtifactPlace.Bucket(Optional.empty(), "nowhere", "simulated");
  }

  @Override
  public void probe() {
    port.between("probe store");
    requireUp();
    if (port.hangs()) {
      throw hung("probe store");
    }
  }

  @Override
  public void put(ObjectKey key, ArtifactContent content, Cancellation cancellation) {
    simulation.invariants.decided(key.folder().name(), "is uploaded");
    port.between("put " + key.file());
    failMaybe(key.folder(), "put " + key.file());
    String text = read(content);
    int pieces = simulation.dice.between(0, 2);
    for (int i = 0; i < pieces; i++) {
      port.take(simulation.dice.micros(0, 2 * Timeline.SECOND));
    }
    if (cancellation.isCancelled()) {
      throw new StorageException(Kind.CANCELLED, "putting was cancelled");
    }
    failMaybe(key.folder(), "put " + key.file());
    putNow(key, text);
    port.between("put " + key.file() + " done");
    failMaybe(key.folder(), "put " + key.file() + ", though done,");
  }

  /** Puts the object into the store. */
  void putNow(ObjectKey key, String text) {
    Map<String, String> objects =
        simulation.objects.computeIfAbsent(key.folder().name(), _ -> new TreeMap<>());
    simulation.invariants.put(key, text, objects);
    objects.put(key.file(), text);
    say("holds " + key.file() + " of " + key.folder().name().substring(2, 10));
  }

  static String read(ArtifactContent content) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      content.writeTo(bytes);
    } catch (IOException e) {
      throw new StorageException(Kind.REFUSED, "the content cannot be read", e);
    }
    return bytes.toString(ISO_8859_1); // a character a byte
  }

  @Override
  public Optional<StoredObject> read(ObjectKey key, int maxBytes) {
    port.between("read " + key.file());
    requireUp();
    return Optional.ofNullable(
            simulation.objects.getOrDefault(key.folder().name(), Map.of()).get(key.file()))
        .map(text -> text.getBytes(ISO_8859_1))
        .map(
            bytes ->
                new StoredObject(
                    bytes.length,
                    bytes.length > maxBytes || maxBytes == 0
                        ? Optional.empty()
                        : Optional.of(ByteBuffer.wrap(bytes))));
  }

  @Override
  public URI signedUrl(ObjectKey key, Instant now, Duration expiry) {
    return URI.create("http://store/" + key.path() + "?until=" + now.plus(expiry).toEpochMilli());
  }

  @Override
  public void deleteAll(JobFolder folder) {
    port.between("delete artifacts");
    failMaybe(folder, "delete artifacts");
    Map<String, String> objects = simulation.objects.getOrDefault(folder.name(), new TreeMap<>());
    if (objects.remove(MANIFEST) != null) {
      say("holds no manifest of " + folder.name().substring(2, 10) + " any more");
    }
    for (String file : List.copyOf(objects.keySet())) {
      port.between("delete the next object");
      failMaybe(folder, "delete " + file);
      objects.remove(file);
    }
    port.between("artifacts deleted");
  }

  @Override
  public void close() {
    // Nothing is held.
  }

  /** Lets the call hang until its time is up. */
  private StorageException hung(String what) {
    say(what + " hangs");
    port.hang(CALL_LIMIT, () -> false);
    say(what + " is given up");
    return new StorageException(Kind.UNAVAILABLE, what + " took too long");
  }

  private void failMaybe(JobFolder folder, String what) {
    if (port.hangs()) {
      simulation.truth(new JobId(folder.name())).causes.add(Cause.STORE);
      throw hung(what);
    }
    if (!simulation.machine.storeUp || port.fails(simulation.weather.store)) {
      simulation.truth(new JobId(folder.name())).causes.add(Cause.STORE);
      Kind kind =
          simulation.machine.storeUp
              ? simulation.dice.pick(
                  List.of(
                      Kind.UNAVAILABLE,
                      Kind.UNAVAILABLE,
                      Kind.UNAVAILABLE,
                      Kind.FULL,
                      Kind.REFUSED))
              : Kind.UNAVAILABLE;
      say(what + " fails: " + kind);
      throw new StorageException(kind, what + " was made to fail");
    }
  }

  private void requireUp() {
    if (!simulation.machine.storeUp) {
      throw new StorageException(Kind.UNAVAILABLE, "the store is down");
    }
  }

  private void say(String what) {
    if (simulation.timeline.isTold()) {
      simulation.timeline.tell("store", what);
    }
  }
}
