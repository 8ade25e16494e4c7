package io.gpurunner.gpu;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A buffer for the entries of NVML's process list. Process id and memory have the same offsets in
 * every version of the entry, but the version does not tell the entry's size. It is 16 bytes in
 * version 1 and 24 in versions 2 and 3, but 32 in version 3 of drivers 535.43 to 535.86. Read by
 * the documented size, the list of such a driver would be wrong from the second process on. So the
 * buffer has room for the widest entries, and the size is measured by how much the library wrote.
 */
final class ProcessBuffer {
  static final int PID_OFFSET = 0;
  static final int MEMORY_OFFSET = 8;

  /** {@code nvmlProcessInfo_v1_t}. */
  static final int V1_BYTES = 16;

  /** {@code nvmlProcessInfo_v2_t}, which version 3 of the function uses too. */
  static final int V2_BYTES = 24;

  /** The entry of drivers 535.43 to 535.86, which ends in {@code usedGpuCcProtectedMemory}. */
  static final int WIDE_BYTES = 32;

  /**
   * The byte that fills the buffer before the call. Every kind of entry ends in an id that is small
   * or all ones, or in a size below 2^56, so its last byte never has this value.
   */
  private static final byte UNTOUCHED = (byte) 0xA5;

  private final int capacity;
  private final Memory memory;

  ProcessBuffer(int capacity) {
    this.capacity = capacity;
    this.memory = new Memory((long) capacity * WIDE_BYTES);
    memory.setMemory(0, memory.size(), UNTOUCHED);
  }

  int capacity() {
    return capacity;
  }

  Pointer pointer() {
    return memory;
  }

  /**
   * Returns the entries after a call.
   *
   * @param count as the library set it
   * @param documentedBytes size of an entry by the function's documentation; it counts if the
   *     library left a part of the entries untouched, or wrote beyond them
   */
  List<GpuProcess> processes(int count, int documentedBytes) {
    int entryBytes = entryBytes(count, documentedBytes);
    List<GpuProcess> processes = new ArrayList<>(count);
    for (int index = 0; index < count; index++) {
      long entry = (long) index * entryBytes;
      long usedBytes = memory.getLong(entry + MEMORY_OFFSET);
      processes.add(
          new GpuProcess(
              memory.getInt(entry + PID_OFFSET),
              usedBytes == NvmlApi.VALUE_NOT_AVAILABLE
                  ? OptionalLong.empty()
                  : OptionalLong.of(usedBytes),
              GpuProcess.Kind.COMPUTE,
              Optional.empty(),
              false));
    }
    return processes;
  }

  private int entryBytes(int count, int documentedBytes) {
    long written = memory.size();
    while (written > 0 && memory.getByte(written - 1) == UNTOUCHED) {
      written--;
    }
    for (int bytes : new int[] {V1_BYTES, V2_BYTES, WIDE_BYTES}) {
      // A single entry of version 2 whose ids were left untouched is taken for version 1. That is
      // harmless, because no entry follows it.
      if (written == (long) count * bytes) {
        return bytes;
      }
    }
    return documentedBytes;
  }
}
