package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.storage.FileWork;
import io.gpurunner.storage.JobVolumes;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class VolumeWatchTest {
  private static final int MEASURING_LIMIT = 4;
  private static final int JOBS = 3 * MEASURING_LIMIT;

  @TempDir Path directory;
  private final AtomicInteger measuring = new AtomicInteger();
  private final AtomicInteger most = new AtomicInteger();
  private final AtomicInteger measured = new AtomicInteger();
  private final CountDownLatch mayEnd = new CountDownLatch(1);

  /** Returns volumes whose measurements end only when the test allows it. */
  private JobVolumes slow(JobVolumes real) {
    return (JobVolumes)
        Proxy.newProxyInstance(
            JobVolumes.class.getClassLoader(),
            new Class<?>[] {JobVolumes.class},
            (_, method, arguments) -> {
              boolean measures = method.getName().equals("overrun");
              if (measures) {
                most.accumulateAndGet(measuring.incrementAndGet(), Math::max);
                mayEnd.await();
              }
              try {
                return method.invoke(real, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause() == null ? e : e.getCause();
              } finally {
                if (measures) {
                  measuring.decrementAndGet();
                  measured.incrementAndGet();
                }
              }
            });
  }

  @Test
  void soManyVolumesAreMeasuredAtATimeAndNoJobTwice() {
    try (RunHarness run = new RunHarness(directory);
        FileWork files = new FileWork()) {
      List<Job> jobs = new ArrayList<>();
      for (int job = 0; job < JOBS; job++) {
        jobs.add(run.settle(run.submit(Requests.simple().gpus(0), Program.untilSignalled())));
      }
      VolumeWatch watch =
          new VolumeWatch(slow(run.volumes), files.executor(FileWork.Task.MEASURE), run.clock);
      jobs.forEach(watch::newest);
      jobs.forEach(watch::newest);
      Awaitility.await().until(() -> measuring.get() == MEASURING_LIMIT);
      mayEnd.countDown();
      Awaitility.await().until(() -> measured.get() == JOBS);
      assertThat(most).hasValue(MEASURING_LIMIT);
    }
    assertThat(measured).hasValue(JOBS);
  }
}
