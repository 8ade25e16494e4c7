package io.gpurunner.gpu;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.util.ArrayList;
import java.util.List;

/**
 * Room for the entries of NVML's process list. Process id and memory stand at the same place in
 * every version of the entry, but its size does not follow from the function's name: 16 bytes in
 * version 1, 24 in versions 2 and 3, and yet 32 in version 3 of drivers 535.43 to 535.86, where
 * reading by the documented size gives wrong processes from the second on. So the room is that of
 * the widest entry, and the size is measured from what the library wrote.
 */
final class ProcessBuffer {
  static final int PID_OFFSET = 0;
  static final int MEMORY_OFFSET = 8;

  /** {@code nvmlProcessInfo_v1_t}. */
  static final int V1_BYTES = 16;

  /** {@code nvmlProcessInfo_v2_t}, which version 3 of the function uses too. */
  static final int V2_BYTES = 24;

  /** The entry of drivers 535.43 to 535.86, with {@code usedGpuCcProtectedMemory} behind. */
  static final int WIDE_BYTES = 32;

  /**
   * Fills the room beforehand. Every kind of entry ends in an id that is small or all ones, or in a
   * size below 2^56: none leaves this in its last byte.
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
   * The entries after a call.
   *
   * @param count as the library set it
   * @param documentedBytes size of an entry by the function's documentation, for a library that
   *     leaves some of what it does not use untouched, or touches more than it uses
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
              usedBytes == NvmlApi.VALUE_NOT_AVAILABLE ? 0 : usedBytes));
    }
    return processes;
  }

  private int entryBytes(int count, int documentedBytes) {
    long written = memory.size();
    while (written > 0 && memory.getByte(written - 1) == UNTOUCHED) {
      written--;
    }
    for (int bytes : new int[] {V1_BYTES, V2_BYTES, WIDE_BYTES}) {
      // One entry of version 2 whose ids were left alone would look like version 1: no harm done.
      if (written == (long) count * bytes) {
        return bytes;
      }
    }
    return documentedBytes;
  }
}
