package io.gpurunner.gpu;

import com.sun.jna.Library;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.Structure.FieldOrder;
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

  /** {@code NVML_MEMORY_ERROR_TYPE_UNCORRECTED}. */
  int UNCORRECTED = 1;

  /** {@code NVML_VOLATILE_ECC}: since the driver was loaded. */
  int VOLATILE = 0;

  /** {@code NVML_CLOCK_SM}. */
  int CLOCK_SM = 1;

  /** {@code NVML_CLOCK_MEM}. */
  int CLOCK_MEMORY = 2;

  /** {@code NVML_TEMPERATURE_GPU}. */
  int TEMPERATURE_OF_GPU = 0;

  /** {@code nvmlEventTypeXidCriticalError}. */
  long XID_EVENTS = 8;

  /** {@code NVML_FI_DEV_GET_GPU_RECOVERY_ACTION}, of newer drivers. */
  int FIELD_RECOVERY_ACTION = 230;

  /** {@code nvmlPciInfo_t}: its size, and the offset of {@code busId}, a text of 32 bytes. */
  int PCI_INFO_BYTES = 68;

  int PCI_BUS_ID_OFFSET = 36;

  /** {@code nvmlUtilization_t}: two unsigned integers, for the GPU and its memory. */
  int UTILIZATION_BYTES = 8;

  int UTILIZATION_MEMORY_OFFSET = 4;

  /** {@code nvmlGpuFabricInfo_t}: its size, and the offsets of two of its members. */
  int FABRIC_INFO_BYTES = 28;

  int FABRIC_STATUS_OFFSET = 16;
  int FABRIC_STATE_OFFSET = 24;

  /** {@code nvmlFieldValue_t}: its size, and the offsets of four of its members. */
  int FIELD_VALUE_BYTES = 40;

  int FIELD_ID_OFFSET = 0;
  int FIELD_TYPE_OFFSET = 24;
  int FIELD_RETURN_OFFSET = 28;
  int FIELD_VALUE_OFFSET = 32;

  /** {@code nvmlEventData_t}: its size, and the offsets of three of its members. */
  int EVENT_DATA_BYTES = 32;

  int EVENT_DEVICE_OFFSET = 0;
  int EVENT_TYPE_OFFSET = 8;
  int EVENT_DATA_OFFSET = 16;

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

  /**
   * The versions of the process list, newest first. All are called as {@code (nvmlDevice_t,
   * unsigned int *count, entries *)}; {@link ProcessBuffer} knows the entries.
   */
  List<String> COMPUTE_PROCESSES =
      List.of(
          "nvmlDeviceGetComputeRunningProcesses_v3",
          "nvmlDeviceGetComputeRunningProcesses_v2",
          "nvmlDeviceGetComputeRunningProcesses");

  /** The versions of the list of processes that draw, newest first. */
  List<String> GRAPHICS_PROCESSES =
      List.of(
          "nvmlDeviceGetGraphicsRunningProcesses_v3",
          "nvmlDeviceGetGraphicsRunningProcesses_v2",
          "nvmlDeviceGetGraphicsRunningProcesses");

  /** The versions of the reasons for low clocks, newest first. Driver 535 renamed the function. */
  List<String> CLOCK_REASONS =
      List.of(
          "nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons");

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

  int nvmlDeviceGetMemoryInfo(Pointer device, Memory memory);

  int nvmlDeviceGetMemoryInfo_v2(Pointer device, MemoryV2 memory);

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
