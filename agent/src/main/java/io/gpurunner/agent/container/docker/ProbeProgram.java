package io.gpurunner.agent.container.docker;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.Optional;

/**
 * A program for the container of a trial. The agent has no compiler on the machine and must not
 * pull an image, so the program is its machine code. It opens the file that its argument names, for
 * reading and writing, and then waits until it is killed, but for a minute at most: an agent that
 * died must not keep a GPU open. If it cannot open the file, it ends with the error number as its
 * exit code.
 */
final class ProbeProgram {
  private static final int HEADER_BYTES = 64;
  private static final int SEGMENT_BYTES = 56;
  private static final int CODE_OFFSET = HEADER_BYTES + SEGMENT_BYTES;

  /** Where programs are loaded on both processors by custom. */
  private static final long ADDRESS = 0x400000;

  private static final long PAGE_BYTES = 0x10000;

  /** The numbers of the processors in the ELF header ({@code e_machine}, elf.h). */
  private static final short X86_64 = 62;

  private static final short AARCH64 = 183;

  /** Numbers of system calls and their arguments are those of Linux on this processor. */
  private static final String X86_64_CODE =
      "488B7C2410" // mov rdi, [rsp+16]: the argument
          + "6A025E" // push 2; pop rsi: O_RDWR
          + "6A0258" // push 2; pop rax: open
          + "0F05" // syscall
          + "85C0" // test eax, eax
          + "780F" // js to the negation
          + "6A3C5F" // push 60; pop rdi: a minute
          + "6A2558" // push 37; pop rax: alarm, whose signal ends it
          + "0F05" // syscall
          + "6A2258" // push 34; pop rax: pause
          + "0F05" // syscall
          + "EBF9" // jmp to the push before
          + "F7D8" // neg eax
          + "89C7" // mov edi, eax
          + "6A3C58" // push 60; pop rax: exit
          + "0F05"; // syscall

  private static final int[] AARCH64_CODE = {
    0xF9400BE1, // ldr x1, [sp, #16]   the argument
    0x92800C60, // mov x0, #-100       AT_FDCWD
    0xD2800042, // mov x2, #2          O_RDWR
    0xD2800003, // mov x3, #0
    0xD2800708, // mov x8, #56         openat
    0xD4000001, // svc #0
    0xB7F80120, // tbnz x0, #63, to the negation
    0xD2800780, // mov x0, #60         a minute, as the time
    0xA9BF7FE0, // stp x0, xzr, [sp, #-16]!
    0x910003E0, // mov x0, sp
    0xD2800001, // mov x1, #0
    0xD2800CA8, // mov x8, #101        nanosleep
    0xD4000001, // svc #0
    0xD2800000, // mov x0, #0
    0x14000002, // b to the exit
    0xCB0003E0, // neg x0, x0
    0xD2800BA8, // mov x8, #93         exit
    0xD4000001 // svc #0
  };

  private ProbeProgram() {}

  /**
   * Returns the program as an ELF file. It is empty for a processor for which there is none.
   *
   * @param processor as images name it: {@code amd64}, {@code arm64}
   */
  static Optional<byte[]> of(String processor) {
    return switch (processor) {
      case "amd64" -> Optional.of(file(X86_64, HexFormat.of().parseHex(X86_64_CODE)));
      case "arm64" -> Optional.of(file(AARCH64, words(AARCH64_CODE)));
      default -> Optional.empty();
    };
  }

  private static byte[] words(int[] code) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * code.length).order(ByteOrder.LITTLE_ENDIAN);
    for (int word : code) {
      bytes.putInt(word);
    }
    return bytes.array();
  }

  /** Returns an executable with one segment, which holds the whole file. Fields as in elf.h. */
  private static byte[] file(short machine, byte[] code) {
    long length = CODE_OFFSET + (long) code.length;
    ByteBuffer elf = ByteBuffer.allocate((int) length).order(ByteOrder.LITTLE_ENDIAN);
    elf.put(new byte[] {0x7F, 'E', 'L', 'F', 2, 1, 1, 0}); // 64 bits, little endian, version 1
    elf.putLong(0);
    elf.putShort((short) 2); // e_type: executable
    elf.putShort(machine);
    elf.putInt(1); // e_version
    elf.putLong(ADDRESS + CODE_OFFSET); // e_entry
    elf.putLong(HEADER_BYTES); // e_phoff
    elf.putLong(0); // e_shoff: no sections
    elf.putInt(0); // e_flags
    elf.putShort((short) HEADER_BYTES);
    elf.putShort((short) SEGMENT_BYTES);
    elf.putShort((short) 1); // e_phnum
    elf.putShort((short) 0);
    elf.putShort((short) 0);
    elf.putShort((short) 0);
    elf.putInt(1); // p_type: load
    elf.putInt(5); // p_flags: read and execute
    elf.putLong(0); // p_offset
    elf.putLong(ADDRESS); // p_vaddr
    elf.putLong(ADDRESS); // p_paddr
    elf.putLong(length); // p_filesz
    elf.putLong(length); // p_memsz
    elf.putLong(PAGE_BYTES); // p_align
    elf.put(code);
    return elf.array();
  }
}
