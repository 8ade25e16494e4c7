package io.gpurunner.gpu;

import com.sun.jna.Library;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.Structure.FieldOrder;
import com.sun.jna.ptr.IntByReference;
import java.util.List;

/**
 * The raw mapping of the functions of NVML that the agent uses. Names, types, layouts and numbers
 * are those of NVIDIA's published {@code nvml.h} (API version 13). Every function returns a {@code
 * nvmlReturn_t}.
 */
@SuppressWarnings("MemberName") // the names are the library's symbols
interface NvmlApi extends Library {
  /** {@code NVML_DEVICE_UUID_V2_BUFFER_SIZE}. */
  int UUID_BUFFER_BYTES = 96;

  /** {@code NVML_DEVICE_NAME_V2_BUFFER_SIZE}. */
  int NAME_BUFFER_BYTES = 96;

  /** {@code NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE} and {@code NVML_SYSTEM_NVML_VERSION_…}. */
  int VERSION_BUFFER_BYTES = 80;

  /**
   * The field {@code version} of {@code nvmlMemory_v2_t}: the structure's size, with its version in
   * the top byte.
   */
  int MEMORY_V2_VERSION = 0x2000028;

  /** {@code NVML_DEVICE_MIG_ENABLE}. */
  int MIG_ENABLED = 1;

  /** {@code NVML_VALUE_NOT_AVAILABLE}, in a 64-bit field. */
  long VALUE_NOT_AVAILABLE = -1L;

  /** The versions of the initialisation, newest first. All are called as {@code ()}. */
  List<String> INIT = List.of("nvmlInit_v2", "nvmlInit");

  /** The versions of the count of devices, newest first. All are called as {@code (unsigned *)}. */
  List<String> COUNT = List.of("nvmlDeviceGetCount_v2", "nvmlDeviceGetCount");

  /**
   * The versions of the look-up of a device, newest first. All are called as {@code (unsigned
   * index, nvmlDevice_t *)}.
   */
  List<String> HANDLE_BY_INDEX =
      List.of("nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex");

  /** This function came with driver 510. */
  String MEMORY_V2 = "nvmlDeviceGetMemoryInfo_v2";

  String MEMORY_V1 = "nvmlDeviceGetMemoryInfo";

  /** The versions of a device's memory, newest first. Each fills a structure of its own. */
  List<String> MEMORY = List.of(MEMORY_V2, MEMORY_V1);

  /** This function came with driver 450. A driver without it has no MIG mode. */
  String MIG_MODE = "nvmlDeviceGetMigMode";

  /** A library without this function, or a device without a node of its own, tells no number. */
  String MINOR_NUMBER = "nvmlDeviceGetMinorNumber";

  /**
   * The versions of the process list, newest first. All are called as {@code (nvmlDevice_t,
   * unsigned int *count, entries *)}; {@link ProcessBuffer} knows the entries.
   */
  List<String> COMPUTE_PROCESSES =
      List.of(
          "nvmlDeviceGetComputeRunningProcesses_v3",
          "nvmlDeviceGetComputeRunningProcesses_v2",
          "nvmlDeviceGetComputeRunningProcesses");

  /** The functions that a library must have, each in at least one of its versions. */
  List<List<String>> REQUIRED =
      List.of(
          INIT,
          List.of("nvmlShutdown"),
          List.of("nvmlErrorString"),
          List.of("nvmlSystemGetDriverVersion"),
          List.of("nvmlSystemGetNVMLVersion"),
          COUNT,
          HANDLE_BY_INDEX,
          List.of("nvmlDeviceGetUUID"),
          List.of("nvmlDeviceGetName"),
          MEMORY,
          COMPUTE_PROCESSES);

  int nvmlShutdown();

  /** Returns the library's own text. Needs no initialisation. */
  String nvmlErrorString(int code);

  int nvmlSystemGetDriverVersion(byte[] version, int lengthBytes);

  int nvmlSystemGetNVMLVersion(byte[] version, int lengthBytes);

  int nvmlDeviceGetUUID(Pointer device, byte[] uuid, int lengthBytes);

  int nvmlDeviceGetName(Pointer device, byte[] name, int lengthBytes);

  int nvmlDeviceGetMinorNumber(Pointer device, IntByReference minor);

  int nvmlDeviceGetMemoryInfo(Pointer device, Memory memory);

  int nvmlDeviceGetMemoryInfo_v2(Pointer device, MemoryV2 memory);

  int nvmlDeviceGetMigMode(Pointer device, IntByReference current, IntByReference pending);

  /** {@code nvmlMemory_t}; {@code used} includes what the driver reserves. */
  @FieldOrder({"total", "free", "used"})
  final class Memory extends Structure {
    public long total;
    public long free;
    public long used;
  }

  /** {@code nvmlMemory_v2_t}. */
  @FieldOrder({"version", "total", "reserved", "free", "used"})
  final class MemoryV2 extends Structure {
    public int version = MEMORY_V2_VERSION;
    public long total;
    public long reserved;
    public long free;
    public long used;
  }
}
