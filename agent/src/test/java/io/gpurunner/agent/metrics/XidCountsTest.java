package io.gpurunner.agent.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.gpu.GpuDetails;
import io.gpurunner.gpu.GpuDetails.ReportedXid;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuUuid;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class XidCountsTest {
  private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");
  private static final GpuUuid GPU = new GpuUuid("GPU-a");

  private final XidCounts counts = new XidCounts();

  private void look(ReportedXid... xids) {
    GpuDevice device =
        GpuDevice.free(GPU, 0, "NVIDIA H100", 80)
            .withDetails(new GpuDetails(Optional.empty(), Map.of(), List.of(xids)));
    counts.looked(new GpuSnapshot(NOW, List.of(device), Optional.empty()));
  }

  private static ReportedXid xid(int second, long number) {
    return new ReportedXid(NOW.plusSeconds(second), number);
  }

  @Test
  void withoutErrorsThereIsNoLastOne() {
    look();
    assertThat(counts.errors(GPU)).isZero();
    assertThat(counts.last(GPU)).isEmpty();
    assertThat(counts.errors(new GpuUuid("GPU-unknown"))).isZero();
  }

  @Test
  void eachErrorCountsOnceHoweverOftenItIsSeen() {
    look(xid(1, 79));
    look(xid(1, 79));
    look(xid(1, 79), xid(2, 31));
    assertThat(counts.errors(GPU)).isEqualTo(2);
    assertThat(counts.last(GPU)).hasValue(31);
  }

  @Test
  void errorsThatLookTheSameCountEach() {
    look(xid(1, 31), xid(1, 31));
    look(xid(1, 31), xid(1, 31), xid(1, 31));
    assertThat(counts.errors(GPU)).isEqualTo(3);
  }

  @Test
  void errorsThatALookShowsNoMoreStayCounted() {
    look(xid(1, 31), xid(2, 32));
    look(xid(2, 32), xid(3, 33));
    look();
    look(xid(3, 33));
    assertThat(counts.errors(GPU)).isEqualTo(3);
    assertThat(counts.last(GPU)).hasValue(33);
  }
}
