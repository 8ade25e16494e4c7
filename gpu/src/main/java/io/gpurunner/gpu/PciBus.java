package io.gpurunner.gpu;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The PCI devices of this machine, as the kernel lists them. They are there without any driver.
 *
 * @param devices the directory with an entry for each device: {@code /sys/bus/pci/devices} (kernel
 *     documentation, ABI/testing/sysfs-bus-pci)
 */
record PciBus(Path devices) {
  private static final Logger log = LoggerFactory.getLogger(PciBus.class);

  /** NVIDIA's number at the PCI-SIG. */
  private static final String NVIDIA = "0x10de";

  /** The class of display controllers: VGA (0300) and 3D (0302), which compute cards are. */
  private static final String DISPLAY = "0x03";

  static PciBus ofThisMachine() {
    return new PciBus(Path.of("/sys/bus/pci/devices"));
  }

  /** Returns the addresses of NVIDIA's GPUs, {@code 0000:3b:00.0}, in order. */
  List<String> nvidiaGpus() {
    List<String> addresses = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(devices)) {
      for (Path device : entries) {
        if (NVIDIA.equals(word(device.resolve("vendor")))
            && word(device.resolve("class")).startsWith(DISPLAY)) {
          addresses.add(device.getFileName().toString());
        }
      }
    } catch (IOException | DirectoryIteratorException unreadable) {
      log.debug("the PCI devices cannot be listed", unreadable); // a machine without PCI
    }
    Collections.sort(addresses);
    return List.copyOf(addresses);
  }

  /**
   * Returns an address as the kernel writes it. NVML writes it with capitals and eight digits of
   * the domain, {@code 00000000:3B:00.0}.
   */
  static String address(String nvml) {
    String small = nvml.strip().toLowerCase(Locale.ROOT);
    return small.matches("0000[0-9a-f]{4}:.*") ? small.substring(4) : small;
  }

  /** Returns which cards there are and which driver each is bound to, to be compared. */
  Map<String, String> bindings() {
    Map<String, String> bindings = new TreeMap<>();
    nvidiaGpus().forEach(address -> bindings.put(address, driverOf(address).orElse("")));
    return bindings;
  }

  /** Returns the name of the driver that a device is bound to. It is empty if it has none. */
  Optional<String> driverOf(String address) {
    try {
      Path name = devices.resolve(address).resolve("driver").toRealPath().getFileName();
      return Optional.ofNullable(name).map(Path::toString);
    } catch (IOException none) {
      return Optional.empty();
    }
  }

  private static String word(Path file) {
    try {
      return Files.readString(file).strip();
    } catch (IOException gone) {
      return "";
    }
  }
}
