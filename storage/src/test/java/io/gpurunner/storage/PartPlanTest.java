package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PartPlanTest {
  @ParameterizedTest
  @ValueSource(
      longs = {
        0,
        1,
        PartPlan.USUAL_PART_BYTES - 1,
        PartPlan.USUAL_PART_BYTES,
        PartPlan.USUAL_PART_BYTES + 1,
        PartPlan.USUAL_PART_BYTES * 10_000,
        PartPlan.USUAL_PART_BYTES * 10_000 + 1,
        1L << 40,
        PartPlan.MAX_OBJECT_BYTES - 1,
        PartPlan.MAX_OBJECT_BYTES
      })
  void coversTheObjectWithPartsThatS3Takes(long lengthBytes) {
    PartPlan plan = PartPlan.of(lengthBytes);

    assertThat(plan.parts()).isBetween(1, PartPlan.MAX_PARTS);
    long covered = 0;
    for (int part = 0; part < plan.parts(); part++) {
      assertThat(plan.offset(part)).isEqualTo(covered);
      covered += plan.length(part);
    }
    assertThat(covered).isEqualTo(lengthBytes);
    assertThat(plan.partBytes()).isBetween(5L << 20, 5L << 30);
  }

  @Test
  void refusesMoreThanS3Takes() {
    assertThatThrownBy(() -> PartPlan.of(PartPlan.MAX_OBJECT_BYTES + 1))
        .isInstanceOf(StorageException.class);
  }
}
