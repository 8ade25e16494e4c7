package io.gpurunner.agent.container;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** What the kernel sees in a file that it is to execute: execve(2), elf(5). Pure. */
public sealed interface ProgramFile {
  /** The number of bytes that the kernel reads of a script's first line (BINPRM_BUF_SIZE). */
  int HEAD_BYTES = 256;

  /** There is no such file. */
  record Absent() implements ProgramFile {}

  /**
   * A script that names its interpreter.
   *
   * @param interpreter the path after {@code #!}
   */
  record Script(String interpreter) implements ProgramFile {
    /** Returns whether the file was saved with the line ends of Windows. */
    boolean hasWindowsLineEnd() {
      return interpreter.endsWith("\r");
    }
  }

  /**
   * A program in ELF.
   *
   * @param machine the processor: e_machine of elf(5)
   */
  record Binary(int machine) implements ProgramFile {
    /** Returns whether no processor of this machine's kind runs it. */
    boolean isForeign() {
      Set<Integer> own = Processors.MACHINES.getOrDefault(Processors.OWN, Set.of(machine));
      return !own.contains(machine);
    }
  }

  /** Anything else. */
  record Other() implements ProgramFile {}

  /**
   * @param head the first {@link #HEAD_BYTES} bytes of the file; empty if there is no such file
   */
  static ProgramFile of(Optional<byte[]> head) {
    return head.map(ProgramFile::read).orElseGet(Absent::new);
  }

  private static ProgramFile read(byte[] head) {
    String text = new String(head, UTF_8);
    if (text.startsWith("#!")) {
      String line = text.substring(2).split("\n", 2)[0];
      return new Script(line.replaceFirst("^[ \t]+", "").split("[ \t]", 2)[0]);
    }
    return text.startsWith(Elf.MAGIC) && head.length >= Elf.MACHINE + 2
        ? new Binary(Elf.machine(head))
        : new Other();
  }

  /** Returns the name of this machine's processor, as images call it. */
  static String processor() {
    return Processors.NAMES.getOrDefault(Processors.OWN, Processors.OWN);
  }

  /** The parts of an ELF header that are read: elf(5). */
  final class Elf {
    private static final String MAGIC = "\u007fELF";

    /** The place of the byte that gives the order of bytes; 2 is the most significant first. */
    private static final int ORDER = 5;

    private static final int BIG_ENDIAN = 2;

    /** The place of e_machine, which has two bytes. */
    private static final int MACHINE = 18;

    private Elf() {}

    private static int machine(byte[] head) {
      int first = Byte.toUnsignedInt(head[MACHINE]);
      int second = Byte.toUnsignedInt(head[MACHINE + 1]);
      return head[ORDER] == BIG_ENDIAN
          ? (first << Byte.SIZE) | second
          : (second << Byte.SIZE) | first;
    }
  }

  /** The processors that the agent runs on, by Java's name. */
  final class Processors {
    private static final String OWN = System.getProperty("os.arch");

    private static final Map<String, String> NAMES =
        Map.of("amd64", "linux/amd64", "aarch64", "linux/arm64");

    /** The programs that each runs: EM_X86_64 and EM_386, EM_AARCH64 and EM_ARM. */
    private static final Map<String, Set<Integer>> MACHINES =
        Map.of("amd64", Set.of(62, 3), "aarch64", Set.of(183, 40));

    private Processors() {}
  }
}
