package io.gpurunner.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.jna.Pointer;
import org.junit.jupiter.api.Test;

/**
 * Compares the mapping with the sizes, offsets and numbers of NVIDIA's {@code nvml.h} (API version
 * 13, x86-64).
 */
class NvmlLayoutTest {
  @Test
  void memoryVersion1() {
    NvmlApi.Memory memory = new NvmlApi.Memory();
    memory.total = 11;
    memory.free = 12;
    memory.used = 13;
    memory.write();
    Pointer raw = memory.getPointer();
    assertThat(memory.size()).isEqualTo(24);
    assertThat(raw.getLong(0)).as("total").isEqualTo(11);
    assertThat(raw.getLong(8)).as("free").isEqualTo(12);
    assertThat(raw.getLong(16)).as("used").isEqualTo(13);
  }

  @Test
  void memoryVersion2() {
    NvmlApi.MemoryV2 memory = new NvmlApi.MemoryV2();
    memory.total = 11;
    memory.reserved = 12;
    memory.free = 13;
    memory.used = 14;
    memory.write();
    Pointer raw = memory.getPointer();
    assertThat(memory.size()).isEqualTo(40);
    assertThat(raw.getInt(0)).as("version").isEqualTo(0x2000028);
    assertThat(raw.getLong(8)).as("total").isEqualTo(11);
    assertThat(raw.getLong(16)).as("reserved").isEqualTo(12);
    assertThat(raw.getLong(24)).as("free").isEqualTo(13);
    assertThat(raw.getLong(32)).as("used").isEqualTo(14);
  }

  @Test
  void memoryVersionIsSizeAndVersion() {
    assertThat(NvmlApi.MEMORY_V2_VERSION).isEqualTo(new NvmlApi.MemoryV2().size() | 2 << 24);
  }

  @Test
  void processEntries() {
    assertThat(ProcessBuffer.V1_BYTES).as("nvmlProcessInfo_v1_t").isEqualTo(16);
    assertThat(ProcessBuffer.V2_BYTES).as("nvmlProcessInfo_v2_t").isEqualTo(24);
    assertThat(ProcessBuffer.WIDE_BYTES).as("nvmlProcessDetail_v1_t").isEqualTo(32);
    assertThat(ProcessBuffer.PID_OFFSET).isEqualTo(0);
    assertThat(ProcessBuffer.MEMORY_OFFSET).isEqualTo(8);
  }

  @Test
  void structuresThatAreReadByOffset() {
    assertThat(NvmlApi.PCI_INFO_BYTES).as("nvmlPciInfo_t").isEqualTo(68);
    assertThat(NvmlApi.PCI_BUS_ID_OFFSET).as("busId").isEqualTo(36);
    assertThat(NvmlApi.UTILIZATION_BYTES).as("nvmlUtilization_t").isEqualTo(8);
    assertThat(NvmlApi.UTILIZATION_MEMORY_OFFSET).as("memory").isEqualTo(4);
    assertThat(NvmlApi.FABRIC_INFO_BYTES).as("nvmlGpuFabricInfo_t").isEqualTo(28);
    assertThat(NvmlApi.FABRIC_STATUS_OFFSET).as("status").isEqualTo(16);
    assertThat(NvmlApi.FABRIC_STATE_OFFSET).as("state").isEqualTo(24);
    assertThat(NvmlApi.FIELD_VALUE_BYTES).as("nvmlFieldValue_t").isEqualTo(40);
    assertThat(NvmlApi.FIELD_ID_OFFSET).as("fieldId").isEqualTo(0);
    assertThat(NvmlApi.FIELD_TYPE_OFFSET).as("valueType").isEqualTo(24);
    assertThat(NvmlApi.FIELD_RETURN_OFFSET).as("nvmlReturn").isEqualTo(28);
    assertThat(NvmlApi.FIELD_VALUE_OFFSET).as("value").isEqualTo(32);
    assertThat(NvmlApi.EVENT_DATA_BYTES).as("nvmlEventData_t").isEqualTo(32);
    assertThat(NvmlApi.EVENT_DEVICE_OFFSET).as("device").isEqualTo(0);
    assertThat(NvmlApi.EVENT_TYPE_OFFSET).as("eventType").isEqualTo(8);
    assertThat(NvmlApi.EVENT_DATA_OFFSET).as("eventData").isEqualTo(16);
  }

  @Test
  void buffersAndNumbers() {
    assertThat(NvmlApi.UUID_BUFFER_BYTES).as("NVML_DEVICE_UUID_V2_BUFFER_SIZE").isEqualTo(96);
    assertThat(NvmlApi.NAME_BUFFER_BYTES).as("NVML_DEVICE_NAME_V2_BUFFER_SIZE").isEqualTo(96);
    assertThat(NvmlApi.VERSION_BUFFER_BYTES)
        .as("NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE")
        .isEqualTo(80);
    assertThat(NvmlApi.UNCORRECTED).as("NVML_MEMORY_ERROR_TYPE_UNCORRECTED").isEqualTo(1);
    assertThat(NvmlApi.VOLATILE).as("NVML_VOLATILE_ECC").isEqualTo(0);
    assertThat(NvmlApi.CLOCK_SM).as("NVML_CLOCK_SM").isEqualTo(1);
    assertThat(NvmlApi.CLOCK_MEMORY).as("NVML_CLOCK_MEM").isEqualTo(2);
    assertThat(NvmlApi.TEMPERATURE_OF_GPU).as("NVML_TEMPERATURE_GPU").isEqualTo(0);
    assertThat(NvmlApi.XID_EVENTS).as("nvmlEventTypeXidCriticalError").isEqualTo(8);
    assertThat(NvmlApi.FIELD_RECOVERY_ACTION)
        .as("NVML_FI_DEV_GET_GPU_RECOVERY_ACTION")
        .isEqualTo(230);
    assertThat(NvmlApi.VALUE_NOT_AVAILABLE).as("NVML_VALUE_NOT_AVAILABLE").isEqualTo(~0L);
  }

  @Test
  void returnCodes() {
    assertThat(NvmlReturn.SUCCESS).isEqualTo(0);
    assertThat(NvmlReturn.of(1)).isEqualTo(NvmlReturn.UNINITIALIZED);
    assertThat(NvmlReturn.of(3)).isEqualTo(NvmlReturn.NOT_SUPPORTED);
    assertThat(NvmlReturn.of(4)).isEqualTo(NvmlReturn.NO_PERMISSION);
    assertThat(NvmlReturn.of(7)).isEqualTo(NvmlReturn.INSUFFICIENT_SIZE);
    assertThat(NvmlReturn.of(9)).isEqualTo(NvmlReturn.DRIVER_NOT_LOADED);
    assertThat(NvmlReturn.of(13)).isEqualTo(NvmlReturn.FUNCTION_NOT_FOUND);
    assertThat(NvmlReturn.of(15)).isEqualTo(NvmlReturn.GPU_IS_LOST);
    assertThat(NvmlReturn.of(16)).isEqualTo(NvmlReturn.RESET_REQUIRED);
    assertThat(NvmlReturn.of(18)).isEqualTo(NvmlReturn.LIB_RM_VERSION_MISMATCH);
    assertThat(NvmlReturn.of(25)).isEqualTo(NvmlReturn.ARGUMENT_VERSION_MISMATCH);
    assertThat(NvmlReturn.of(28)).isEqualTo(NvmlReturn.GPU_NOT_FOUND);
    assertThat(NvmlReturn.of(999)).isEqualTo(NvmlReturn.UNKNOWN);
    assertThat(NvmlReturn.of(12345))
        .as("a code that is newer than the list")
        .isEqualTo(NvmlReturn.UNKNOWN);
  }
}
