package io.gpurunner.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class DeviceChoiceTest {
  private static final GpuType RTX_3090 = new GpuType("NVIDIA-GeForce-RTX-3090");

  private static GpuDevice device(int ordinal, String name) {
    return GpuDevice.free(new GpuUuid("GPU-" + ordinal), ordinal, name, 24L << 30);
  }

  private static final List<GpuDevice> MIXED =
      List.of(
          device(3, "NVIDIA GeForce RTX 3090"),
          device(0, "NVIDIA A100-SXM4-80GB"),
          device(1, "NVIDIA GeForce RTX 3090"),
          device(2, "NVIDIA GeForce RTX 3090"));

  private static List<Integer> ordinals(Optional<List<GpuDevice>> choice) {
    return choice.orElseThrow().stream().map(GpuDevice::ordinal).toList();
  }

  @Test
  void lowestOrdinalsFirst() {
    assertThat(ordinals(DeviceChoice.choose(MIXED, RTX_3090, 2))).containsExactly(1, 2);
    assertThat(ordinals(DeviceChoice.choose(MIXED, RTX_3090, 3))).containsExactly(1, 2, 3);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "nvidia-geforce-rtx-3090",
        "NVIDIA GeForce RTX 3090",
        "NVIDIA_GeForce_RTX_3090",
        "nvidiageforcertx3090"
      })
  void theTypeComparesLoosely(String label) {
    assertThat(ordinals(DeviceChoice.choose(MIXED, new GpuType(label), 1))).containsExactly(1);
  }

  @Test
  void tooFewIsEmptyNotFewer() {
    assertThat(DeviceChoice.choose(MIXED, RTX_3090, 4)).isEmpty();
    assertThat(DeviceChoice.choose(MIXED, new GpuType("NVIDIA-GeForce-RTX-309"), 1)).isEmpty();
    assertThat(DeviceChoice.choose(List.of(), RTX_3090, 1)).isEmpty();
  }

  @Test
  void noneIsAlwaysThere() {
    assertThat(DeviceChoice.choose(List.of(), new GpuType("anything"), 0)).contains(List.of());
  }

  @Test
  void lessThanNoneIsAMistake() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> DeviceChoice.choose(MIXED, RTX_3090, -1))
        .withMessageContaining("-1");
  }

  static IntStream seeds() {
    return IntStream.range(0, 200);
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void whateverTheOrderTheChoiceIsTheSameAndFitting(int seed) {
    Random random = new Random(seed);
    List<GpuDevice> free = new ArrayList<>();
    for (int ordinal = 0; ordinal < random.nextInt(17); ordinal++) {
      free.add(device(ordinal, random.nextBoolean() ? "NVIDIA GeForce RTX 3090" : "NVIDIA L40S"));
    }
    int count = random.nextInt(9);
    Optional<List<GpuDevice>> choice = DeviceChoice.choose(free, RTX_3090, count);
    Collections.shuffle(free, random);
    assertThat(DeviceChoice.choose(free, RTX_3090, count)).isEqualTo(choice);
    long fitting = free.stream().filter(device -> device.type().matches(RTX_3090)).count();
    assertThat(choice.isPresent()).isEqualTo(fitting >= count);
    choice.ifPresent(
        chosen -> {
          assertThat(chosen).hasSize(count).doesNotHaveDuplicates().isSubsetOf(free);
          assertThat(chosen).allMatch(device -> device.type().matches(RTX_3090));
        });
  }
}
