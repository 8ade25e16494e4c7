package io.gpurunner.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ProcessBufferTest {
  /** A driver may leave the instance ids untouched if there is no MIG mode. */
  @Test
  void entriesWhoseTailIsUntouchedAreReadByTheDocumentedSize() {
    ProcessBuffer buffer = new ProcessBuffer(8);
    for (int index = 0; index < 3; index++) {
      buffer.pointer().setInt(index * 24L, 100 + index);
      buffer.pointer().setLong(index * 24L + 8, 5);
    }
    assertThat(buffer.processes(3, ProcessBuffer.V2_BYTES))
        .containsExactly(new GpuProcess(100, 5), new GpuProcess(101, 5), new GpuProcess(102, 5));
  }

  /** A driver may clear the whole buffer first. */
  @Test
  void roomTouchedBehindTheEntriesIsReadByTheDocumentedSize() {
    ProcessBuffer buffer = new ProcessBuffer(8);
    buffer.pointer().setMemory(0, 8 * 24, (byte) 0);
    buffer.pointer().setInt(0, 100);
    buffer.pointer().setInt(24, 101);
    assertThat(buffer.processes(2, ProcessBuffer.V2_BYTES))
        .containsExactly(new GpuProcess(100, 0), new GpuProcess(101, 0));
  }
}
