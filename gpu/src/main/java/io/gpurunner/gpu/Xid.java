package io.gpurunner.gpu;

import java.util.Optional;

/**
 * An XID: the number of an error that NVIDIA's driver reports for a GPU, in the kernel log and
 * through NVML ({@code nvmlEventTypeXidCriticalError}). Each number has a meaning, and says whether
 * the GPU may be handed out. {@code docs/xids.md} is this table for administrators. Immutable;
 * thread-safe.
 *
 * <p>A number is in this table if NVIDIA gives it a meaning or an action. The meanings are in this
 * project's words. The sources are:
 *
 * <ol>
 *   <li>NVIDIA's Xid catalog for Ampere and later GPUs: <a
 *       href="https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html">Analyzing Xid
 *       Errors with the Xid Catalog</a>. It has no version. This is the edition of November 2025,
 *       which ends at 172.
 *   <li>NVIDIA's list for Volta and earlier GPUs, which names causes but no actions: <a
 *       href="https://docs.nvidia.com/deploy/xid-errors/archive/index.html">Xid Errors</a>.
 *   <li>{@code nverror.h} and the code of NVIDIA's open kernel modules, version 595.45.04.
 * </ol>
 *
 * <p>The action is the catalog's immediate action: RESTART_APP is {@link Action#APPLICATION},
 * RESET_GPU is {@link Action#RESET}, RESTART_BM and RESTART_VM are {@link Action#REBOOT}. IGNORE is
 * {@link Action#APPLICATION} if a program is a likely cause or the message is a test, and otherwise
 * {@link Action#WATCH}. If only the older list has a number, an error of commands or of a video
 * engine is {@link Action#APPLICATION}, and others are {@link Action#WATCH}. Some rows need a
 * reason:
 *
 * <ul>
 *   <li>61: NVIDIA's GPU Debug Guidelines ask for a reset.
 *   <li>92: stricter than the catalog. This project hands out no GPU with a high rate of corrected
 *       errors.
 *   <li>109: as in the catalog, although NVIDIA's device plugin for Kubernetes ignores it.
 *   <li>110: stricter than the catalog. The driver's code says that only a cold reset clears it.
 *   <li>144 to 148: the number alone does not say whether the error is fatal. A fatal one nearly
 *       always comes with 48. 147 and 148 are never fatal.
 *   <li>167, 169 and 171 to 176: NVIDIA names no action. They are judged by their names, by similar
 *       rows, and by what the driver does.
 * </ul>
 */
public enum Xid {
  X1(1, "invalid or corrupted stream of commands", Action.APPLICATION),
  X2(2, "invalid or corrupted stream of commands", Action.APPLICATION),
  X3(3, "invalid or corrupted stream of commands", Action.APPLICATION),
  X4(4, "invalid or corrupted stream of commands, or a semaphore timeout", Action.APPLICATION),
  X6(6, "invalid or corrupted stream of commands", Action.APPLICATION),
  X7(7, "invalid or corrupted address of commands", Action.APPLICATION),
  X8(8, "the GPU stopped processing", Action.APPLICATION),
  X9(9, "the driver programmed the GPU wrongly", Action.WATCH),
  X11(11, "invalid or corrupted stream of commands", Action.APPLICATION),
  X12(12, "the driver did not handle an exception of the GPU", Action.WATCH),
  X13(13, "graphics engine exception, mostly a program's access out of bounds", Action.APPLICATION),
  X14(14, "error that a program injected for a test", Action.APPLICATION),
  X16(16, "display engine hung", Action.WATCH),
  X18(18, "bus mastering is disabled in the GPU's PCI configuration", Action.WATCH),
  X19(19, "display engine error", Action.WATCH),
  X20(20, "invalid or corrupted commands for the MPEG engine", Action.APPLICATION),
  X21(21, "invalid or corrupted commands for the motion estimation engine", Action.APPLICATION),
  X22(22, "invalid or corrupted commands for the video processor", Action.APPLICATION),
  X24(24, "semaphore timeout", Action.WATCH),
  X25(25, "invalid or illegal stream of commands", Action.APPLICATION),
  X26(26, "memory timeout", Action.WATCH),
  X27(27, "video processor exception", Action.APPLICATION),
  X28(28, "video processor exception", Action.APPLICATION),
  X29(29, "video processor exception", Action.APPLICATION),
  X30(30, "semaphore access error", Action.WATCH),
  X31(31, "memory page fault, mostly a program's access to a wrong address", Action.APPLICATION),
  X32(32, "invalid or corrupted stream of commands", Action.APPLICATION),
  X33(33, "internal micro-controller error", Action.WATCH),
  X34(34, "video processor exception", Action.APPLICATION),
  X35(35, "video processor exception", Action.APPLICATION),
  X36(36, "video processor exception", Action.APPLICATION),
  X37(37, "driver firmware error after an unknown command", Action.APPLICATION),
  X38(38, "driver firmware error after a watchdog timeout", Action.WATCH),
  X39(39, "copy engine 0 exception", Action.APPLICATION),
  X40(40, "copy engine 1 exception", Action.APPLICATION),
  X41(41, "copy engine 2 exception", Action.APPLICATION),
  X42(42, "video processor exception", Action.APPLICATION),
  X43(43, "the GPU stopped processing for a program that failed", Action.APPLICATION),
  X44(44, "graphics engine fault during a context switch", Action.WATCH),
  X45(
      45,
      "a program's work was removed, because it ended or after an earlier error",
      Action.APPLICATION),
  X46(46, "the GPU stopped processing and timed out", Action.RESET),
  X47(47, "video encoder 0 error", Action.APPLICATION),
  X48(48, "double-bit ECC error, which cannot be corrected", Action.RESET),
  X54(
      54,
      "the auxiliary power of the GPU's board is not connected",
      Action.REBOOT,
      "power the machine off and check the GPU's power cable and seat"),
  X56(56, "display engine error", Action.WATCH),
  X57(57, "error while the memory interface was programmed", Action.WATCH),
  X58(58, "unstable memory interface", Action.WATCH),
  X59(59, "internal micro-controller error", Action.WATCH),
  X60(60, "video processor exception", Action.APPLICATION),
  X61(61, "internal micro-controller breakpoint", Action.RESET),
  X62(62, "internal micro-controller halt", Action.RESET),
  X63(
      63,
      "a memory row or page was marked for replacement by a spare one",
      Action.WATCH,
      "reset it when it is free, so that the spare memory is used"),
  X64(
      64,
      "a faulty memory row or page could not be replaced by a spare one",
      Action.RESET,
      "reset it (nvidia-smi --gpu-reset) or reboot the machine; replace it if the error comes"
          + " back"),
  X65(65, "video encoder 1 error", Action.APPLICATION),
  X66(66, "illegal access by the driver or a program", Action.APPLICATION),
  X67(67, "illegal access by the driver or a program", Action.APPLICATION),
  X68(68, "video decoder 0 exception", Action.APPLICATION),
  X69(69, "graphics engine class error", Action.APPLICATION),
  X70(70, "copy engine 3 error", Action.APPLICATION),
  X71(71, "copy engine 4 error", Action.APPLICATION),
  X72(72, "copy engine 5 error", Action.APPLICATION),
  X73(73, "video encoder 2 error", Action.APPLICATION),
  X74(
      74,
      "NVLink error",
      Action.RESET,
      "reset it (nvidia-smi --gpu-reset) or reboot the machine; check its links if the error"
          + " comes back (nvidia-smi nvlink --status)"),
  X75(75, "copy engine 6 error", Action.APPLICATION),
  X76(76, "copy engine 7 error", Action.APPLICATION),
  X77(77, "copy engine 8 error", Action.APPLICATION),
  X78(
      78,
      "a virtual GPU did not start",
      Action.WATCH,
      "update the drivers of the host and of the virtual machine"),
  X79(
      79,
      "the GPU has fallen off the bus",
      Action.REBOOT,
      "reboot or power-cycle the machine; check the GPU's seat and power if the error comes back"),
  X80(80, "corrupted data was sent to the GPU", Action.APPLICATION),
  X81(81, "VGA subsystem error", Action.WATCH),
  X82(82, "JPEG engine 0 error", Action.APPLICATION),
  X83(83, "video decoder 1 error", Action.APPLICATION),
  X84(84, "video decoder 2 error", Action.APPLICATION),
  X85(85, "copy engine 9 error", Action.APPLICATION),
  X86(86, "optical flow accelerator exception", Action.APPLICATION),
  X88(88, "video decoder 3 error", Action.APPLICATION),
  X89(89, "video decoder 4 error", Action.APPLICATION),
  X92(
      92,
      "high rate of single-bit ECC errors",
      Action.RESET,
      "reset it (nvidia-smi --gpu-reset) or reboot the machine; replace it if the error comes"
          + " back"),
  X93(
      93,
      "the limit on writes to the information ROM was exceeded",
      Action.WATCH,
      "clear the limit (nvflash --elsessionclear)"),
  X94(94, "memory error that is contained to one program", Action.APPLICATION),
  X95(95, "memory error that is not contained to one program", Action.RESET),
  X96(96, "video decoder 5 error", Action.APPLICATION),
  X97(97, "video decoder 6 error", Action.APPLICATION),
  X98(98, "video decoder 7 error", Action.APPLICATION),
  X99(99, "JPEG engine 1 error", Action.APPLICATION),
  X100(100, "JPEG engine 2 error", Action.APPLICATION),
  X101(101, "JPEG engine 3 error", Action.APPLICATION),
  X102(102, "JPEG engine 4 error", Action.APPLICATION),
  X103(103, "JPEG engine 5 error", Action.APPLICATION),
  X104(104, "JPEG engine 6 error", Action.APPLICATION),
  X105(105, "JPEG engine 7 error", Action.APPLICATION),
  X106(106, "test message of the management bus", Action.APPLICATION),
  X107(107, "silent test message of the management bus", Action.APPLICATION),
  X108(108, "address translation error on the far side of an NVLink", Action.APPLICATION),
  X109(109, "context switch timeout", Action.RESET),
  X110(
      110,
      "security fault, mostly failed hardware",
      Action.REBOOT,
      "power-cycle the machine, because a reset does not clear the error"),
  X111(111, "display bundle error", Action.WATCH),
  X112(112, "display supervisor error", Action.WATCH),
  X113(113, "DisplayPort link training error", Action.WATCH),
  X114(114, "display pipeline underflow", Action.WATCH),
  X115(115, "display core channel error", Action.WATCH),
  X116(116, "display window channel error", Action.WATCH),
  X117(117, "display cursor channel error", Action.WATCH),
  X118(118, "display pixel pipeline error", Action.WATCH),
  X119(119, "the GPU's system processor (GSP) did not answer in time", Action.RESET),
  X120(120, "error of the GPU's system processor (GSP)", Action.RESET),
  X121(
      121,
      "corrected errors of the link to the CPU (C2C)",
      Action.WATCH,
      "reset it when it is free, so that the link is trained again"),
  X122(122, "the GPU's flash memory could not be read", Action.WATCH),
  X123(123, "the GPU's flash memory could not be written", Action.WATCH),
  X124(124, "the GPU's flash memory could not be erased", Action.WATCH),
  X125(125, "error of the information ROM's file system", Action.WATCH),
  X126(126, "copy engine 10 error", Action.APPLICATION),
  X127(127, "copy engine 11 error", Action.APPLICATION),
  X128(128, "copy engine 12 error", Action.APPLICATION),
  X129(129, "copy engine 13 error", Action.APPLICATION),
  X130(130, "copy engine 14 error", Action.APPLICATION),
  X131(131, "copy engine 15 error", Action.APPLICATION),
  X132(132, "copy engine 16 error", Action.APPLICATION),
  X133(133, "copy engine 17 error", Action.APPLICATION),
  X134(134, "copy engine 18 error", Action.APPLICATION),
  X135(135, "copy engine 19 error", Action.APPLICATION),
  X136(136, "NVLink training failed", Action.RESET),
  X137(
      137,
      "NVLink privilege error, mostly a program's illegal access to another GPU",
      Action.APPLICATION),
  X139(139, "optical flow accelerator 1 error", Action.APPLICATION),
  X140(140, "ECC error that was not recovered", Action.RESET),
  X141(141, "CUDA fast path error", Action.WATCH),
  X142(142, "video encoder 3 error", Action.WATCH),
  X143(143, "the GPU did not initialize", Action.RESET),
  X144(144, "NVLink error in the unit SAW", Action.WATCH),
  X145(145, "NVLink error in the unit RLW", Action.WATCH),
  X146(146, "NVLink error in the unit TLW", Action.WATCH),
  X147(147, "NVLink error in the unit TREX", Action.WATCH),
  X148(148, "NVLink error in the unit NVLPW", Action.WATCH),
  X149(149, "NVLink error in the unit NETIR, mostly a link that went down", Action.RESET),
  X150(150, "NVLink error in the unit MSE", Action.RESET),
  X151(
      151,
      "error while the keys of confidential computing were changed",
      Action.REBOOT,
      "reboot the virtual machine that has the GPU"),
  X152(152, "address error of the deep learning accelerator", Action.WATCH),
  X153(153, "deep learning accelerator timeout", Action.WATCH),
  X154(
      154,
      "the driver changed the recovery that it asks for, after another error",
      Action.WATCH,
      "do what the driver asks for (nvidia-smi -q names it as GPU Recovery Action)"),
  X155(155, "NVLink was taken down by software", Action.RESET),
  X156(156, "a faulty part of the GPU was marked for replacement by a spare one", Action.RESET),
  X157(
      157,
      "a faulty part of the GPU could not be replaced by a spare one",
      Action.WATCH,
      "replace it if the error comes back"),
  X158(158, "fatal timeout of the GPU", Action.RESET),
  X159(159, "error in an answer on the link to the CPU (CHI)", Action.RESET),
  X160(160, "a faulty memory channel was marked for retirement", Action.WATCH),
  X161(161, "a faulty memory channel could not be retired", Action.WATCH),
  X162(162, "power smoothing works again", Action.WATCH),
  X163(
      163,
      "power smoothing was disabled",
      Action.WATCH,
      "check the GPU's temperature if power smoothing is needed"),
  X164(
      164,
      "the hardware for power smoothing is nearly worn out",
      Action.WATCH,
      "plan to replace it if power smoothing is needed"),
  X165(
      165,
      "the hardware for power smoothing is worn out",
      Action.WATCH,
      "replace it if power smoothing is needed"),
  X166(166, "unencrypted traffic on an NVLink in confidential computing", Action.WATCH),
  X167(167, "fatal PCI Express timeout", Action.RESET),
  X168(
      168,
      "less memory than usual, because a protected region has errors",
      Action.WATCH,
      "enable ECC (nvidia-smi --ecc-config=1), then reboot the machine"),
  X169(169, "internal micro-controller halt (SEC2)", Action.RESET),
  X170(170, "unexpected NVLink interrupt in confidential computing", Action.WATCH),
  X171(171, "error of the GPU's memory (DRAM) that cannot be corrected", Action.RESET),
  X172(172, "error inside the GPU (SRAM) that cannot be corrected", Action.RESET),
  X173(173, "the link to the CPU (C2C) failed", Action.REBOOT),
  X174(174, "the driver ended a program", Action.APPLICATION),
  X175(175, "the memory subsystem did not answer in time", Action.RESET),
  X176(176, "corrected PCI Express errors", Action.WATCH);

  /** What an XID means for the GPU that reported it. */
  public enum Action {
    /**
     * The program that ran is at fault, or nothing is. The error ends the program or may be
     * ignored. The GPU stays in use.
     */
    APPLICATION("look for the fault in the program that ran"),

    /** The GPU stays in use, but is shown as suspect. */
    WATCH("contact its vendor if the error comes back"),

    /** The GPU must not be handed out until it was reset, or the machine booted. */
    RESET("reset it (nvidia-smi --gpu-reset) or reboot the machine"),

    /** The GPU must not be handed out until the machine was booted, or power-cycled and checked. */
    REBOOT("reboot or power-cycle the machine");

    private final String remedy;

    Action(String remedy) {
      this.remedy = remedy;
    }
  }

  private final int number;
  private final String meaning;
  private final Action action;
  private final String remedy;

  Xid(int number, String meaning, Action action) {
    this(number, meaning, action, action.remedy);
  }

  Xid(int number, String meaning, Action action, String remedy) {
    this.number = number;
    this.meaning = meaning;
    this.action = action;
    this.remedy = remedy;
  }

  /** Returns the row of a number. It is empty if this table does not know the number. */
  public static Optional<Xid> of(long number) {
    for (Xid known : values()) {
      if (known.number == number) {
        return Optional.of(known);
      }
    }
    return Optional.empty();
  }

  /**
   * Returns what a number means for the GPU. A number that this table does not know may be newer
   * than the table, and is {@link Action#WATCH}.
   */
  public static Action actionOf(long number) {
    return of(number).map(Xid::action).orElse(Action.WATCH);
  }

  /** Returns the number, as the driver reports it. */
  public int number() {
    return number;
  }

  /** Returns what the number means, in a few words for a message: {@code NVLink error}. */
  public String meaning() {
    return meaning;
  }

  /** Returns what the number means for the GPU that reported it. */
  public Action action() {
    return action;
  }

  /**
   * Returns what an administrator should do, as the end of a message about the GPU: {@code reset it
   * (nvidia-smi --gpu-reset) or reboot the machine}.
   */
  public String remedy() {
    return remedy;
  }

  /** Returns an error in words, with its meaning and remedy where they are known. */
  static String words(long number) {
    return of(number)
        .map(xid -> "XID " + number + " (" + xid.meaning + "); " + xid.remedy)
        .orElse("XID " + number + ", which is not in the agent's table (docs/xids.md)");
  }
}
