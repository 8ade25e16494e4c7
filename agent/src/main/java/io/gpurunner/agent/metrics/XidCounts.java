package io.gpurunner.agent.metrics;

import io.gpurunner.gpu.GpuDetails.ReportedXid;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuUuid;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Counts the errors of each GPU. A look shows only the newest ones, so each look is compared with
 * the one before. Thread-safe, if one thread reports the looks.
 */
final class XidCounts {
  private final Map<GpuUuid, Count> counts = new ConcurrentHashMap<>();

  private record Count(long errors, List<ReportedXid> newest) {
    Count after(List<ReportedXid> reported) {
      List<ReportedXid> more = new ArrayList<>(reported);
      newest.forEach(more::remove); // each once, because two errors may look the same
      return new Count(errors + more.size(), reported.isEmpty() ? newest : reported);
    }
  }

  void looked(GpuSnapshot look) {
    for (GpuDevice device : look.devices()) {
      List<ReportedXid> reported = device.details().xids();
      Count before = counts.getOrDefault(device.uuid(), new Count(0, List.of()));
      if (!reported.equals(before.newest())) {
        counts.put(device.uuid(), before.after(reported));
      }
    }
  }

  /** Returns how many errors a GPU has reported. */
  long errors(GpuUuid gpu) {
    Count count = counts.get(gpu);
    return count == null ? 0 : count.errors();
  }

  /** Returns NVIDIA's number of a GPU's last error. It is empty if there was none. */
  OptionalLong last(GpuUuid gpu) {
    Count count = counts.get(gpu);
    return count == null || count.newest().isEmpty()
        ? OptionalLong.empty()
        : OptionalLong.of(count.newest().getLast().number());
  }
}
