package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ImageShelf;
import io.gpurunner.agent.container.ImageShelf.Shelved;
import io.gpurunner.agent.container.Images;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.api.ImageReference;
import io.gpurunner.storage.FileFault;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes images that the agent pulled, the least recently used first, while they take more room
 * than {@code images.keep} or the engine's disk is full. An image that was here before, or that a
 * live job names, stays. Which images were pulled is kept in a file of the state directory. If that
 * is lost, they stay, too. Thread-safe.
 */
public final class ImageKeeper implements AutoCloseable {
  private static final Duration ROUND_INTERVAL = Duration.ofMinutes(10);

  /** How long an image stays after a job looked for it, so that the job can use it. */
  static final Duration LEAST_STAY = Duration.ofHours(1);

  private static final Logger log = LoggerFactory.getLogger(ImageKeeper.class);

  private final Path file;
  private final long keepBytes;
  private final JobLedger ledger;
  private final ImageShelf shelf;
  private final StartGate gate;
  private final Clock clock;
  private final Rounds rounds = new Rounds("image-keeper", this::round);
  private final Map<Pulled, Instant> lastUse = new HashMap<>();

  /** How often the list has changed, and how many of these changes are in the file. */
  private long changes;

  private long savedChanges;
  private boolean loaded;

  /**
   * An image that the agent pulled.
   *
   * @param name the full name by which it was pulled
   * @param id the engine's id; the name may lead to a newer image now
   */
  private record Pulled(String name, String id) {}

  /**
   * @param file where the list of images is kept
   * @param gate knows whether the engine's disk is full
   */
  public ImageKeeper(
      Path file, long keepBytes, JobLedger ledger, ImageShelf shelf, StartGate gate, Clock clock) {
    this.file = file;
    this.keepBytes = keepBytes;
    this.ledger = ledger;
    this.shelf = shelf;
    this.gate = gate;
    this.clock = clock;
  }

  /** Starts the rounds. Called once. */
  public void start() {
    rounds.startLater();
  }

  /** Notes that a job uses an image. An image that was not pulled is none of the agent's. */
  void used(ImageReference image, Images.Found found) {
    Pulled pulled = new Pulled(image.fullName(), found.id());
    synchronized (lastUse) {
      if (found.pulled() || lastUse.containsKey(pulled)) {
        lastUse.put(pulled, clock.instant());
        changes++;
      }
    }
    if (found.pulled()) {
      rounds.ring();
    }
  }

  /** Makes one round. Called by the loop, and by tests instead of it. */
  Duration round() {
    if (!load()) {
      return ROUND_INTERVAL;
    }
    boolean saved = save(); // what was pulled is kept even if the engine is away
    try {
      makeRoom();
    } catch (ContainerException e) {
      log.debug("the images could not be looked at", e); // readiness reports it
    }
    if (saved) {
      save();
    }
    return ROUND_INTERVAL;
  }

  // ---- room

  private void makeRoom() {
    Map<Pulled, Instant> known = known();
    Map<Pulled, Shelved> here = new HashMap<>();
    known.keySet().forEach(pulled -> shelf.find(pulled.id).ifPresent(it -> here.put(pulled, it)));
    known.keySet().stream().filter(pulled -> !here.containsKey(pulled)).forEach(this::forget);
    long taken =
        here.values().stream()
            .collect(Collectors.toMap(Shelved::id, Shelved::bytes, (one, _) -> one))
            .values()
            .stream()
            .mapToLong(Long::longValue)
            .sum();
    if (taken <= keepBytes && !gate.isEngineDiskFull()) {
      return;
    }
    Set<String> needed = neededIds();
    List<Pulled> oldestFirst =
        here.keySet().stream()
            .filter(pulled -> !needed.contains(pulled.id))
            .sorted(Comparator.comparing(pulled -> known.getOrDefault(pulled, Instant.MAX)))
            .toList();
    for (Pulled pulled : oldestFirst) {
      if (taken <= keepBytes && !gate.isEngineDiskFull()) {
        return;
      }
      Instant used = known.getOrDefault(pulled, Instant.MAX);
      if (used.isBefore(clock.instant().minus(LEAST_STAY)) && remove(pulled)) {
        taken -= Optional.ofNullable(here.get(pulled)).map(Shelved::bytes).orElse(0L);
      }
    }
  }

  /** Returns the ids of the images that live jobs name, and that are here. */
  private Set<String> neededIds() {
    Set<String> ids = new HashSet<>();
    ledger.live().stream()
        .map(Job::request)
        .map(request -> request.image().fullName())
        .distinct()
        .forEach(name -> shelf.find(name).map(Shelved::id).ifPresent(ids::add));
    return ids;
  }

  private boolean remove(Pulled pulled) {
    boolean stillNamed =
        shelf.find(pulled.name).filter(found -> found.id().equals(pulled.id)).isPresent();
    boolean removed = shelf.remove(stillNamed ? pulled.name : pulled.id);
    if (removed) {
      log.info(
          "image {} ({}) was removed: images that the agent pulled may take {} MB (images.keep)",
          pulled.name,
          pulled.id,
          keepBytes / RequestedVolumes.BYTES_PER_MEGABYTE);
      forget(pulled);
    }
    return removed;
  }

  private Map<Pulled, Instant> known() {
    synchronized (lastUse) {
      return Map.copyOf(lastUse);
    }
  }

  private void forget(Pulled pulled) {
    synchronized (lastUse) {
      lastUse.remove(pulled);
      changes++;
    }
  }

  // ---- the file: a line for each image, with the time of its last use, its id and its name

  /** Returns whether what an earlier agent pulled is known. */
  private boolean load() {
    if (loaded) {
      return true;
    }
    try {
      for (String line : Files.readAllLines(file)) {
        String[] words = line.split(" ", -1);
        if (words.length == 3) {
          loaded(new Pulled(words[2], words[1]), Instant.parse(words[0]));
        }
      }
    } catch (NoSuchFileException none) {
      // Nothing was pulled yet.
    } catch (DateTimeParseException damaged) {
      log.warn("the list of pulled images {} is damaged; the images that it lacks stay", file);
    } catch (IOException e) {
      log.warn("the list of pulled images {} cannot be read: {}", file, FileFault.words(e));
      return false;
    }
    loaded = true;
    return true;
  }

  private void loaded(Pulled pulled, Instant used) {
    synchronized (lastUse) {
      lastUse.putIfAbsent(pulled, used);
    }
  }

  /** Writes the list, if it has changed. Returns whether the file holds it. */
  private boolean save() {
    String text;
    long contained;
    synchronized (lastUse) {
      contained = changes;
      text =
          lastUse.entrySet().stream()
              .map(use -> use.getValue() + " " + use.getKey().id + " " + use.getKey().name + "\n")
              .sorted()
              .collect(Collectors.joining());
    }
    if (contained == savedChanges) {
      return true;
    }
    try {
      Path part = file.resolveSibling(file.getFileName() + ".part");
      Files.writeString(part, text);
      try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
        channel.force(true);
      }
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
      savedChanges = contained;
      return true;
    } catch (IOException e) {
      log.warn("the list of pulled images {} cannot be written: {}", file, FileFault.words(e));
      return false;
    }
  }

  @Override
  public void close() {
    rounds.close();
  }
}
