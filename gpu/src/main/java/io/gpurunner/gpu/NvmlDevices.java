package io.gpurunner.gpu;

import io.gpurunner.gpu.GpuDetails.ReportedXid;
import io.gpurunner.gpu.GpuDevice.Presence;
import io.gpurunner.gpu.GpuException.Kind;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Interprets looks through NVML. It remembers every device that has reported its UUID once, so that
 * the device keeps its identity when it cannot be read or is gone. Not thread-safe: it belongs to
 * the NVML thread.
 */
final class NvmlDevices {
  /**
   * So many looks in a row in which NVML does not know what is wrong with a device are followed by
   * a new session. If that does not help, the device counts as lost.
   */
  static final int UNKNOWN_LOOKS = 3;

  /** Why a device that an administrator has for other work is not handed out. */
  static final String RELEASED =
      "an administrator has it for other work; end that with: gpurunner gpus take";

  private static final String UNNAMED = "unidentified GPU";

  private final PciBus bus;

  /** Every device that ever reported its UUID, as last observed. */
  private Map<GpuUuid, GpuDevice> known = Map.of();

  /** The device of each ordinal in the last look, and how many devices were listed then. */
  private Map<Integer, GpuUuid> ordinals = Map.of();

  private int count;

  /** How many looks in a row NVML did not know what is wrong, for each such device. */
  private Map<GpuUuid, Integer> unknowns = Map.of();

  /** The devices with whose unknown trouble a new session was tried. */
  private final Set<GpuUuid> renewed = new HashSet<>();

  /** The devices that the driver called lost, or did not list. */
  private final Set<GpuUuid> away = new HashSet<>();

  private final Map<GpuUuid, List<ReportedXid>> xids = new HashMap<>();

  /** The cards and their drivers when the session was opened. */
  private Map<String, String> bindings = Map.of();

  NvmlDevices(PciBus bus) {
    this.bus = bus;
  }

  /**
   * A look.
   *
   * @param devices all devices listed now or ever known, and the cards on the bus that are not
   *     listed
   * @param cameBack those that were away and can be read again, so somebody has reset them
   */
  record Look(List<GpuDevice> devices, Set<GpuUuid> cameBack) {}

  /**
   * Interprets a look.
   *
   * @param readings what each device of NVML's list said, by its ordinal
   * @param errors what the driver reported since the last look
   * @param released the devices that an administrator has for other work
   * @param at when the look began
   * @throws GpuException if the session is void, or no device is listed and none was known
   */
  Look look(
      List<DeviceReading> readings,
      List<NvmlLibrary.DeviceXid> errors,
      Set<GpuUuid> released,
      Instant at) {
    if (readings.isEmpty() && known.isEmpty()) {
      throw new GpuException(Kind.NO_DEVICES, noDevices());
    }
    readings.stream()
        .flatMap(reading -> reading.failed().stream())
        .filter(GpuException::endsSession)
        .findFirst()
        .ifPresent(
            void_ -> {
              throw void_;
            });
    int countNow = readings.size();
    Map<Integer, GpuDevice> listed = new TreeMap<>();
    Map<Integer, GpuException> unreadable = new TreeMap<>();
    Set<GpuUuid> uuids = new HashSet<>();
    Map<GpuUuid, Integer> unknownNow = new HashMap<>();
    for (int ordinal = 0; ordinal < countNow; ordinal++) {
      DeviceReading reading = readings.get(ordinal);
      if (reading.uuid() != null && uuids.add(reading.uuid())) {
        listed.put(ordinal, identified(reading, reading.uuid(), ordinal, unknownNow, at));
      } else {
        unreadable.put(ordinal, whyUnidentified(reading, ordinal));
      }
    }

    Map<Integer, GpuDevice> unidentified = new TreeMap<>();
    unreadable.forEach(
        (ordinal, reason) ->
            lastHolder(ordinal, countNow)
                .filter(holder -> uuids.add(holder.uuid()))
                .ifPresentOrElse(
                    holder -> listed.put(ordinal, unread(holder, ordinal, reason, unknownNow)),
                    () ->
                        unidentified.put(
                            ordinal, unread(stranger(ordinal), ordinal, reason, unknownNow))));
    List<GpuDevice> absent =
        known.values().stream()
            .filter(device -> !uuids.contains(device.uuid()))
            .map(device -> unidentified.isEmpty() ? gone(device) : missing(device))
            .toList();

    remember(countNow, listed, absent);
    unknowns = unknownNow;
    renewed.retainAll(unknownNow.keySet());
    errors.forEach(error -> reported(error, at));
    absent.forEach(device -> away.add(device.uuid()));
    List<GpuDevice> seen =
        Stream.of(
                listed.values(),
                unidentified.values(),
                absent,
                dead(listed.values(), unidentified, absent))
            .flatMap(devices -> devices.stream())
            .map(this::withErrors)
            .map(device -> released.contains(device.uuid()) ? released(device) : device)
            .sorted(
                Comparator.comparing((GpuDevice device) -> device.presence() == Presence.LOST)
                    .thenComparingInt(GpuDevice::ordinal)
                    .thenComparing(GpuDevice::uuid))
            .toList();
    Set<GpuUuid> cameBack = new HashSet<>();
    for (GpuDevice device : seen) {
      if (device.presence() == Presence.READABLE && away.remove(device.uuid())) {
        cameBack.add(device.uuid());
      }
    }
    return new Look(seen, cameBack);
  }

  private GpuDevice withErrors(GpuDevice device) {
    return device.withDetails(
        device.details().withXids(xids.getOrDefault(device.uuid(), List.of())));
  }

  /** Describes a device that an administrator has for other work. */
  static GpuDevice released(GpuDevice device) {
    return device.withFault(
        device.presence() == Presence.LOST ? Presence.LOST : Presence.UNREADABLE, RELEASED);
  }

  /** Returns the devices that a look has touched. */
  static Set<GpuUuid> identified(List<DeviceReading> readings) {
    return readings.stream()
        .flatMap(reading -> Optional.ofNullable(reading.uuid()).stream())
        .collect(Collectors.toSet());
  }

  private String noDevices() {
    List<String> cards = bus.nvidiaGpus();
    return "NVML works but lists no GPU"
        + (cards.isEmpty()
            ? "; check whether lspci shows one"
            : ", and the PCI bus has " + String.join(", ", cards))
        + "; see dmesg for why the NVIDIA driver does not use it";
  }

  /** Returns whether a new session may help a device whose trouble NVML does not know. */
  boolean needNewSession() {
    return unknowns.entrySet().stream()
        .anyMatch(entry -> entry.getValue() >= UNKNOWN_LOOKS && !renewed.contains(entry.getKey()));
  }

  /** Returns whether a card that NVML did not list may be listed in a new session. */
  boolean haveCardsChanged() {
    return !bus.bindings().equals(bindings);
  }

  /** Notes that a new session was opened. */
  void newSession() {
    bindings = bus.bindings();
    unknowns.forEach(
        (uuid, looks) -> {
          if (looks >= UNKNOWN_LOOKS) {
            renewed.add(uuid);
          }
        });
  }

  /** Returns the ordinal that a device had in the last look. */
  Optional<Integer> ordinalOf(GpuUuid uuid) {
    return ordinals.entrySet().stream()
        .filter(entry -> entry.getValue().equals(uuid))
        .map(Map.Entry::getKey)
        .findFirst();
  }

  /** Notes an error that the driver reported of a device as it was listed last. */
  void reported(NvmlLibrary.DeviceXid error, Instant at) {
    if (error.ordinal().isEmpty() || error.number().isEmpty()) {
      return;
    }
    GpuUuid uuid = ordinals.get(error.ordinal().get());
    if (uuid != null) {
      List<ReportedXid> all = xids.computeIfAbsent(uuid, _ -> new ArrayList<>());
      all.add(new ReportedXid(at, error.number().getAsLong()));
      if (all.size() > GpuDetails.MOST_XIDS) {
        all.remove(leastImportant(all));
      }
    }
  }

  /** Returns the oldest of the errors that say least of the device. A program can cause those. */
  private static ReportedXid leastImportant(List<ReportedXid> all) {
    return all.stream().min(Comparator.comparing(xid -> Xid.actionOf(xid.number()))).orElseThrow();
  }

  /** Notes that no look could be made, so that nothing is known of the devices meanwhile. */
  void lookFailed() {
    Map<GpuUuid, GpuDevice> doubtful = new HashMap<>();
    known.forEach(
        (uuid, device) ->
            doubtful.put(
                uuid,
                device.isSound()
                    ? device.withFault(Presence.UNREADABLE, "the last look failed")
                    : device));
    known = doubtful;
  }

  private static GpuException whyUnidentified(DeviceReading reading, int ordinal) {
    return reading
        .failed()
        .orElseGet(
            () ->
                new GpuException(
                    Kind.FAILED,
                    "GPU "
                        + ordinal
                        + " reports the UUID "
                        + reading.uuid()
                        + ", which another GPU reported too"));
  }

  private GpuDevice identified(
      DeviceReading reading,
      GpuUuid uuid,
      int ordinal,
      Map<GpuUuid, Integer> unknownNow,
      Instant at) {
    Optional<GpuDevice> before = Optional.ofNullable(known.get(uuid));
    GpuDevice device = before.orElseGet(() -> stranger(uuid, ordinal));
    String name = reading.name() == null ? device.name() : reading.name();
    DeviceReading.Read read = reading.read();
    if (read == null) {
      GpuException reason = reading.failed().orElseThrow();
      return unread(device.withPlace(ordinal, name, at), ordinal, reason, unknownNow);
    }
    GpuDetails details = read.details();
    Instant since = before.filter(GpuDevice::isSound).map(GpuDevice::soundSince).orElse(at);
    GpuDevice seen =
        new GpuDevice(
            uuid,
            ordinal,
            name,
            read.memory(),
            read.processes(),
            Optional.empty(),
            Presence.READABLE,
            details,
            GpuHealth.HEALTHY,
            since);
    return HealthSigns.unusableSetting(details, ordinal)
        .map(why -> seen.withFault(Presence.READABLE, why))
        .orElse(seen);
  }

  /**
   * Returns the device that had this ordinal in the last look. NVML numbers devices by their place
   * on the bus, so an ordinal means the same device as long as their number stays the same.
   */
  private Optional<GpuDevice> lastHolder(int ordinal, int countNow) {
    return countNow == count
        ? Optional.ofNullable(ordinals.get(ordinal)).map(known::get)
        : Optional.empty();
  }

  private void remember(int countNow, Map<Integer, GpuDevice> listed, List<GpuDevice> absent) {
    Map<GpuUuid, GpuDevice> knownNow = new HashMap<>();
    Map<Integer, GpuUuid> ordinalsNow = new HashMap<>();
    absent.forEach(device -> knownNow.put(device.uuid(), device));
    listed.forEach(
        (ordinal, device) -> {
          knownNow.put(device.uuid(), device);
          ordinalsNow.put(ordinal, device.uuid());
        });
    known = knownNow;
    ordinals = ordinalsNow;
    count = countNow;
  }

  /** Describes a device that never reported its UUID. It is not remembered. */
  private static GpuDevice stranger(int ordinal) {
    return stranger(new GpuUuid("GPU-unidentified-" + ordinal), ordinal);
  }

  private static GpuDevice stranger(GpuUuid uuid, int ordinal) {
    return new GpuDevice(
        uuid,
        ordinal,
        UNNAMED,
        GpuMemory.UNKNOWN,
        List.of(),
        Optional.empty(),
        Presence.READABLE,
        GpuDetails.NONE,
        GpuHealth.HEALTHY,
        Instant.EPOCH);
  }

  /** Describes a device that is listed and could not be read. */
  private GpuDevice unread(
      GpuDevice before, int ordinal, GpuException reason, Map<GpuUuid, Integer> unknownNow) {
    String why = String.valueOf(reason.getMessage());
    boolean lost = reason.kind() == Kind.DEVICE_LOST;
    if (lost) {
      away.add(before.uuid());
    }
    if (reason.kind() == Kind.UNKNOWN) {
      int looks = unknowns.getOrDefault(before.uuid(), 0) + 1;
      unknownNow.put(before.uuid(), looks);
      if (renewed.contains(before.uuid())) {
        lost = true;
        why += "; a new session with NVML did not help; reset it or boot the machine";
      }
    }
    GpuDevice placed = before.withPlace(ordinal, before.name(), before.soundSince());
    return lost ? lost(placed, why) : kept(placed).withFault(Presence.UNREADABLE, why);
  }

  private static GpuDevice kept(GpuDevice device) {
    return device.withDetails(device.details().identityOnly());
  }

  private static GpuDevice lost(GpuDevice device, String why) {
    GpuMemory memory = device.memory();
    return kept(device)
        .withUse(
            memory.used().isPresent() && !memory.shared() ? memory.withUsed(0) : memory, List.of())
        .withFault(Presence.LOST, why);
  }

  /** Describes a device that is not listed, while every listed device is known by its UUID. */
  private static GpuDevice gone(GpuDevice device) {
    return lost(
        device,
        "NVML no longer lists it: it fell off the bus or was removed; see dmesg, power-cycle"
            + " the machine, or restart the agent to forget it");
  }

  /**
   * Describes a known device whose UUID is not listed, while a listed device does not report its
   * UUID. The two may be the same device.
   */
  private static GpuDevice missing(GpuDevice device) {
    return device.presence() == Presence.LOST
        ? device
        : kept(device)
            .withFault(
                Presence.UNREADABLE,
                "NVML lists no device with this UUID, but lists a device that does not report its UUID;"
                    + " see dmesg");
  }

  /**
   * Returns the cards on the bus that NVML does not list. There are none if a device does not tell
   * its address, because it may be any of them.
   */
  private List<GpuDevice> dead(
      Iterable<GpuDevice> listed, Map<Integer, GpuDevice> unidentified, List<GpuDevice> absent) {
    List<String> cards = new ArrayList<>(bus.nvidiaGpus());
    if (!unidentified.isEmpty()) {
      return List.of();
    }
    List<GpuDevice> devices = new ArrayList<>(absent);
    listed.forEach(devices::add);
    for (GpuDevice device : devices) {
      if (device.details().busId().isEmpty()) {
        return List.of();
      }
      cards.remove(device.details().busId().get());
    }
    return cards.stream().map(this::dead).toList();
  }

  private GpuDevice dead(String address) {
    Optional<String> driver = bus.driverOf(address).filter(name -> !name.equals("nvidia"));
    return stranger(new GpuUuid("GPU-unidentified-" + address), GpuDevice.NO_ORDINAL)
        .withDetails(new GpuDetails(Optional.of(address), Map.of(), List.of()))
        .withFault(
            Presence.LOST,
            driver
                .map(name -> "it is bound to the driver " + name + ", and not to NVIDIA's")
                .orElse(
                    "it is on the PCI bus, but NVML does not list it: the driver could not start it;"
                        + " see dmesg, and power-cycle the machine"));
  }
}
