package io.gpurunner.agent.cli.terminal;

/** Says types of GPUs in short words. Stateless. */
public final class GpuTypes {
  private GpuTypes() {}

  /** Returns the part of a type that tells it apart: {@code RTX-3090}. */
  public static String brief(String type) {
    return type.replaceFirst("^NVIDIA-(GeForce-)?", "");
  }
}
