package io.gpurunner.gpu;

import java.util.Locale;
import java.util.regex.Pattern;

/**
 * A GPU product name that compares without regard to case, blanks, dashes and underscores.
 *
 * @param label the name with blanks as dashes, as GPU Feature Discovery prints it: {@code
 *     NVIDIA-GeForce-RTX-3090}
 */
public record GpuType(String label) {
  private static final Pattern BLANKS = Pattern.compile("\\s+");
  private static final Pattern IGNORED = Pattern.compile("[\\s_-]+");

  /** Returns the type of a device with this product name. */
  public static GpuType ofProductName(String productName) {
    return new GpuType(BLANKS.matcher(productName.strip()).replaceAll("-"));
  }

  /** Returns whether both name the same product. */
  public boolean matches(GpuType other) {
    return normalised().equals(other.normalised());
  }

  /** Returns the label in the form that {@link #matches} compares. */
  public String normalised() {
    return IGNORED.matcher(label.toLowerCase(Locale.ROOT)).replaceAll("");
  }
}
