package io.gpurunner.gpu;

import java.util.Locale;

/**
 * A GPU product name that compares without regard to case, blanks, dashes and underscores.
 *
 * @param label the name with blanks as dashes, as GPU Feature Discovery prints it: {@code
 *     NVIDIA-GeForce-RTX-3090}
 */
public record GpuType(String label) {
  /** The type of a device with this product name. */
  public static GpuType ofProductName(String productName) {
    return new GpuType(productName.strip().replaceAll("\\s+", "-"));
  }

  /** Whether both name the same product. */
  public boolean matches(GpuType other) {
    return normalised().equals(other.normalised());
  }

  /** The form to compare by. */
  public String normalised() {
    return label.toLowerCase(Locale.ROOT).replaceAll("[\\s_-]+", "");
  }
}
