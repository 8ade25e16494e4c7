package io.gpurunner.gpu;

import io.gpurunner.gpu.GpuDetails.ReportedXid;
import io.gpurunner.gpu.GpuDevice.Presence;
import io.gpurunner.gpu.GpuHealth.Ends;
import io.gpurunner.gpu.GpuHealth.Hold;
import io.gpurunner.gpu.GpuHealth.Level;
import io.gpurunner.gpu.GpuHealth.Sign;
import io.gpurunner.gpu.GpuHealth.State;
import java.io.UncheckedIOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The health of all devices, judged at every look and kept over restarts. Thread-safe.
 *
 * <p>An error for which a device must be reset keeps it in quarantine until one of these is seen:
 * the device was away and came back, the driver was away, the machine booted, NVIDIA's driver says
 * that nothing has to be done, or an administrator ends it.
 */
public final class HealthBook {
  /**
   * How long NVIDIA's driver must call a device sound after an error, before that ends a hold. The
   * driver may say so only some time after it reported the error.
   */
  static final Duration CALLED_SOUND_AFTER = Duration.ofMinutes(1);

  private static final Logger log = LoggerFactory.getLogger(HealthBook.class);

  /** Where the health of devices outlives the process. */
  public interface Store {
    /** Returns what was saved last. It is empty if nothing was, or it cannot be read. */
    Saved load();

    /**
     * Saves the health of devices.
     *
     * @throws UncheckedIOException if it cannot be saved
     */
    void save(Saved saved);
  }

  /**
   * What is saved.
   *
   * @param bootId the boot of the machine under which it was saved
   * @param devices those that are not healthy
   */
  public record Saved(String bootId, Map<GpuUuid, GpuHealth> devices) {
    /** Nothing was saved. */
    public static final Saved NOTHING = new Saved("", Map.of());

    public Saved {
      devices = Map.copyOf(devices);
    }
  }

  private final Store store;
  private final String bootId;
  private final Clock clock;
  private final Map<GpuUuid, GpuHealth> health = new ConcurrentHashMap<>(); // written under this
  private final Map<GpuUuid, Instant> readXids = new HashMap<>(); // guarded by this

  /** Since when NVIDIA's driver says that nothing has to be done. */
  private final Map<GpuUuid, Instant> calledSound = new HashMap<>(); // guarded by this

  /** Held while the disk is written, so that nobody who reads or judges waits for it. */
  private final ReentrantLock saving = new ReentrantLock();

  private Saved saved; // under saving

  /**
   * @param bootId tells one boot of the machine from another
   */
  public HealthBook(Store store, String bootId, Clock clock) {
    this.store = store;
    this.bootId = bootId;
    this.clock = clock;
    this.saved = store.load();
    boolean booted = !saved.bootId().equals(bootId);
    saved
        .devices()
        .forEach(
            (uuid, before) ->
                health.put(uuid, booted ? before.without(Ends.RESET, Ends.BOOT) : before));
  }

  /** Returns a book that forgets everything with the process, for tests. */
  public static HealthBook forgetful(Clock clock) {
    return new HealthBook(
        new Store() {
          @Override
          public Saved load() {
            return Saved.NOTHING;
          }

          @Override
          public void save(Saved saved) {
            // It forgets.
          }
        },
        "",
        clock);
  }

  /**
   * Judges the devices of a good look.
   *
   * @param cameBack those that were away since the last look, so that somebody has reset them
   */
  public List<GpuDevice> judge(List<GpuDevice> seen, Set<GpuUuid> cameBack, Instant at) {
    List<GpuDevice> judged = judgeAll(seen, cameBack, at);
    save();
    return judged;
  }

  private synchronized List<GpuDevice> judgeAll(
      List<GpuDevice> seen, Set<GpuUuid> cameBack, Instant at) {
    cameBack.forEach(
        uuid -> health.computeIfPresent(uuid, (_, before) -> before.without(Ends.RESET)));
    return seen.stream().map(device -> device.withHealth(judge(device, at))).toList();
  }

  private GpuHealth judge(GpuDevice device, Instant at) {
    GpuUuid uuid = device.uuid();
    GpuHealth before = healthOf(uuid);
    GpuHealth now = before;
    List<Sign> signs = new ArrayList<>();
    if (device.presence() == Presence.READABLE) {
      signs.addAll(HealthSigns.of(device.details()));
      if (isCalledSoundForLong(device, now, at)) {
        now = now.without(Ends.RESET);
      }
    }
    now = withXids(device, now, signs);
    // Of a device that cannot be read nothing new is known, but what holds it still does.
    if (device.presence() == Presence.READABLE || !now.holds().isEmpty()) {
      now = now.after(signs, at);
    }
    put(device, before, now);
    return now;
  }

  /** Returns whether NVIDIA's driver has called a device sound long enough after its errors. */
  private boolean isCalledSoundForLong(GpuDevice device, GpuHealth health, Instant at) {
    if (!HealthSigns.isCalledSound(device.details())) {
      calledSound.remove(device.uuid());
      return false;
    }
    Instant since = calledSound.computeIfAbsent(device.uuid(), _ -> at);
    return isLongAgo(since, at)
        && health.holds().stream().allMatch(hold -> isLongAgo(hold.at(), at));
  }

  private static boolean isLongAgo(Instant then, Instant at) {
    return Duration.between(then, at).abs().compareTo(CALLED_SOUND_AFTER) >= 0;
  }

  private GpuHealth withXids(GpuDevice device, GpuHealth before, List<Sign> signs) {
    GpuHealth now = before;
    Instant read = readXids.getOrDefault(device.uuid(), Instant.EPOCH);
    for (ReportedXid xid : device.details().xids()) {
      if (xid.at().isAfter(read)) {
        readXids.put(device.uuid(), xid.at());
        String words = Xid.words(xid.number());
        log.warn("{} reported {}", DeviceFitness.name(device), words);
        switch (Xid.actionOf(xid.number())) {
          case APPLICATION -> {} // the program's own fault; the device goes on
          case WATCH -> signs.add(new Sign(Level.WATCH, words));
          case RESET -> now = now.held(new Hold(words, xid.at(), Ends.RESET));
          case REBOOT -> now = now.held(new Hold(words, xid.at(), Ends.BOOT));
        }
      }
    }
    return now;
  }

  /** Notes that the driver was not loaded for a while. It resets devices when it is loaded. */
  synchronized void driverWasAway() {
    health.replaceAll((_, before) -> before.without(Ends.RESET));
  }

  /**
   * Puts a device in quarantine until an administrator releases it.
   *
   * @throws UncheckedIOException if that cannot be saved; it holds until the process ends
   */
  public void quarantine(GpuUuid uuid, String by, String reason) {
    log.warn("GPU {} is quarantined by {}: {}", uuid, by, reason);
    hold(uuid, reason + " (set by " + by + ")");
    saveForAdministrator();
  }

  private synchronized void hold(GpuUuid uuid, String why) {
    Instant now = clock.instant();
    health.put(uuid, healthOf(uuid).held(new Hold(why, now, Ends.RELEASE)).after(List.of(), now));
  }

  /**
   * Ends what holds a device in quarantine. What the next look shows counts all the same.
   *
   * @return whether something held it
   * @throws UncheckedIOException if that cannot be saved; it holds until the process ends
   */
  public boolean release(GpuUuid uuid, String by, String reason) {
    boolean held = endHolds(uuid);
    if (held) {
      log.warn("GPU {} is released by {}: {}", uuid, by, reason);
      saveForAdministrator();
    }
    return held;
  }

  private synchronized boolean endHolds(GpuUuid uuid) {
    GpuHealth before = healthOf(uuid);
    if (before.holds().isEmpty()) {
      return false;
    }
    health.put(uuid, before.without(Ends.values()).after(List.of(), clock.instant()));
    return true;
  }

  /** Ends what a reset ends, after an administrator had the device for that. */
  synchronized void wasGivenBack(GpuUuid uuid) {
    health.computeIfPresent(uuid, (_, before) -> before.without(Ends.RESET));
  }

  /** Returns the device with its health as it is now. */
  GpuDevice current(GpuDevice device) {
    return device.withHealth(healthOf(device.uuid()));
  }

  private GpuHealth healthOf(GpuUuid uuid) {
    return health.getOrDefault(uuid, GpuHealth.HEALTHY);
  }

  private void put(GpuDevice device, GpuHealth before, GpuHealth now) {
    health.put(device.uuid(), now);
    if (now.state() != before.state()) {
      String name = DeviceFitness.name(device);
      String reason = now.reason().orElse("");
      switch (now.state()) {
        case HEALTHY -> log.info("{} is healthy", name);
        case SUSPECT -> log.warn("{} is suspect: {}", name, reason);
        case QUARANTINED -> log.error("{} is quarantined: {}", name, reason);
        case RECOVERING -> log.info("{} recovers from: {}", name, reason);
      }
    }
  }

  /** Saves after a look. What a look cannot save, the next one does. */
  private void save() {
    if (saving.tryLock()) { // otherwise a save is under way
      try {
        saveNow();
      } catch (UncheckedIOException e) {
        log.error("the health of the GPUs could not be saved; the next look tries again", e);
      } finally {
        saving.unlock();
      }
    }
  }

  private void saveForAdministrator() {
    saving.lock();
    try {
      saveNow();
    } finally {
      saving.unlock();
    }
  }

  private void saveNow() {
    Map<GpuUuid, GpuHealth> notHealthy = new TreeMap<>(health);
    notHealthy.values().removeIf(now -> now.state() == State.HEALTHY && now.holds().isEmpty());
    Saved next = new Saved(bootId, notHealthy);
    if (isNews(next)) {
      store.save(next);
      saved = next;
    }
  }

  /** Returns whether more changed than the time of the last sign. */
  private boolean isNews(Saved next) {
    return !next.bootId().equals(saved.bootId())
        ? !next.devices().isEmpty() || !saved.devices().isEmpty()
        : !withoutTimes(next.devices()).equals(withoutTimes(saved.devices()));
  }

  private static Map<GpuUuid, GpuHealth> withoutTimes(Map<GpuUuid, GpuHealth> devices) {
    Map<GpuUuid, GpuHealth> plain = new HashMap<>();
    devices.forEach(
        (uuid, now) ->
            plain.put(
                uuid,
                new GpuHealth(
                    now.state(),
                    now.reason(),
                    now.since(),
                    Instant.EPOCH,
                    now.holds(),
                    now.trustedAfter())));
    return plain;
  }
}
