package io.gpurunner.gpu;

import com.sun.jna.Library;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.Structure.FieldOrder;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.PointerByReference;
import java.util.List;

/**
 * The raw mapping of the part of NVML that is used. Names, types, layouts and numbers are those of
 * NVIDIA's published {@code nvml.h} (API version 13). Every function returns a {@code
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

  /** {@code nvmlMemory_v2}: the structure's size, and its version in the top byte. */
  int MEMORY_V2_VERSION = 0x2000028;

  /** {@code NVML_DEVICE_MIG_ENABLE}. */
  int MIG_ENABLED = 1;

  /** {@code NVML_VALUE_NOT_AVAILABLE}, in a 64-bit field. */
  long VALUE_NOT_AVAILABLE = -1L;

  /** This function came with driver 510. */
  String MEMORY_V2 = "nvmlDeviceGetMemoryInfo_v2";

  /** This function came with driver 450. */
  String MIG_MODE = "nvmlDeviceGetMigMode";

  /**
   * The versions of the process list, newest first. All are called as {@code (nvmlDevice_t,
   * unsigned int *count, entries *)}; {@link ProcessBuffer} knows the entries.
   */
  List<String> COMPUTE_PROCESSES =
      List.of(
          "nvmlDeviceGetComputeRunningProcesses_v3",
          "nvmlDeviceGetComputeRunningProcesses_v2",
          "nvmlDeviceGetComputeRunningProcesses");

  /** The functions that every driver since 367 has. */
  List<String> REQUIRED =
      List.of(
          "nvmlInit_v2",
          "nvmlShutdown",
          "nvmlErrorString",
          "nvmlSystemGetDriverVersion",
          "nvmlSystemGetNVMLVersion",
          "nvmlDeviceGetCount_v2",
          "nvmlDeviceGetHandleByIndex_v2",
          "nvmlDeviceGetUUID",
          "nvmlDeviceGetName",
          "nvmlDeviceGetMemoryInfo",
          "nvmlDeviceGetComputeRunningProcesses");

  int nvmlInit_v2();

  int nvmlShutdown();

  /** Returns the library's own text. Needs no initialisation. */
  String nvmlErrorString(int code);

  int nvmlSystemGetDriverVersion(byte[] version, int lengthBytes);

  int nvmlSystemGetNVMLVersion(byte[] version, int lengthBytes);

  int nvmlDeviceGetCount_v2(IntByReference count);

  int nvmlDeviceGetHandleByIndex_v2(int index, PointerByReference device);

  int nvmlDeviceGetUUID(Pointer device, byte[] uuid, int lengthBytes);

  int nvmlDeviceGetName(Pointer device, byte[] name, int lengthBytes);

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
