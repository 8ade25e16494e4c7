package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.storage.FileWork;
import io.gpurunner.storage.JobVolumes;
import io.gpurunner.storage.StorageException;
import io.gpurunner.storage.Volume;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

final class VolumeWatchTest {
  private static final int MEASURING_LIMIT = 4;
  private static final int JOBS = 3 * MEASURING_LIMIT;

  @TempDir Path directory;
  private final AtomicInteger measuring = new AtomicInteger();
  private final AtomicInteger most = new AtomicInteger();
  private final AtomicInteger measured = new AtomicInteger();
  private final CountDownLatch mayEnd = new CountDownLatch(1);

  /** What happens when a job's volumes are measured. */
  private interface Measurement {
    Object of(Callable<Object> real) throws Throwable;
  }

  private static JobVolumes measuredBy(Measurement measurement, JobVolumes real) {
    return (JobVolumes)
        Proxy.newProxyInstance(
            JobVolumes.class.getClassLoader(),
            new Class<?>[] {JobVolumes.class},
            (_, method, arguments) -> {
              Callable<Object> call = () -> method.invoke(real, arguments);
              try {
                return method.getName().equals("overrun") ? measurement.of(call) : call.call();
              } catch (InvocationTargetException e) {
                throw e.getCause() == null ? e : e.getCause();
              }
            });
  }

  /** Volumes whose measurement takes until the test says so. */
  private JobVolumes slow(JobVolumes real) {
    return measuredBy(
        call -> {
          most.accumulateAndGet(measuring.incrementAndGet(), Math::max);
          mayEnd.await();
          try {
            return call.call();
          } finally {
            measuring.decrementAndGet();
            measured.incrementAndGet();
          }
        },
        real);
  }

  /** Runs the work, and returns what the class under test logged meanwhile. */
  private static List<String> logged(Runnable work) {
    Logger logger = (Logger) LoggerFactory.getLogger(VolumeWatch.class);
    ListAppender<ILoggingEvent> lines = new ListAppender<>();
    lines.start();
    logger.addAppender(lines);
    logger.setLevel(Level.INFO);
    try {
      work.run();
    } finally {
      logger.setLevel(null); // as the loggers above it
      logger.detachAppender(lines);
    }
    return lines.list.stream().map(line -> line.getLevel() + " " + line.getMessage()).toList();
  }

  @Test
  void theLogSaysOnceThatVolumesCannotBeMeasuredAndOnceThatTheyCanAgain() {
    try (RunHarness run = new RunHarness(directory)) {
      Job job = run.settle(run.submit(Requests.simple().gpus(0), Program.untilSignalled()));
      AtomicBoolean fails = new AtomicBoolean(true);
      JobVolumes volumes =
          measuredBy(
              call -> {
                measured.incrementAndGet();
                if (fails.get()) {
                  throw new StorageException(StorageException.Kind.UNAVAILABLE, "du is gone");
                }
                return call.call();
              },
              run.volumes);
      VolumeWatch watch = new VolumeWatch(volumes, Runnable::run, run.clock);
      Runnable tenLooks =
          () -> {
            for (int look = 0; look < 10; look++) {
              assertThat(watch.newest(job)).isEmpty();
              run.clock.advance(volumes.lookInterval());
            }
          };
      String lost = "WARN {} the volumes cannot be measured, so it is not known whether they are";

      assertThat(logged(tenLooks)).singleElement().asString().startsWith(lost);
      assertThat(measured).hasValue(10);
      fails.set(false);
      assertThat(logged(tenLooks)).containsExactly("INFO {} the volumes can be measured again");
      fails.set(true);
      assertThat(logged(tenLooks)).singleElement().asString().startsWith(lost);
      assertThat(logged(() -> watch.measure(job))).as("the look at the end of the run").isEmpty();

      watch.forget(job.id());
      assertThat(logged(tenLooks)).as("another run").hasSize(1);
    }
  }

  @Test
  void aJobThatHidesItsVolumeAFewTimesInARowCountsAsTooLarge() {
    try (RunHarness run = new RunHarness(directory)) {
      Job job = run.settle(run.submit(Requests.simple().gpus(0), Program.untilSignalled()));
      AtomicBoolean hides = new AtomicBoolean(true);
      JobVolumes.Overrun hidden = new JobVolumes.Overrun.Hidden(Volume.MODEL, "it is closed");
      JobVolumes volumes =
          measuredBy(
              call -> {
                measured.incrementAndGet();
                return hides.get() ? Optional.of(hidden) : call.call();
              },
              run.volumes);
      VolumeWatch watch = new VolumeWatch(volumes, Runnable::run, run.clock);
      Supplier<Optional<JobVolumes.Overrun>> nextLook =
          () -> {
            run.clock.advance(volumes.lookInterval());
            return watch.newest(job);
          };

      for (int look = 1; look < VolumeWatch.HIDDEN_LIMIT; look++) {
        assertThat(nextLook.get()).isEmpty();
      }
      hides.set(false);
      assertThat(nextLook.get()).isEmpty();
      hides.set(true);
      for (int look = 1; look < VolumeWatch.HIDDEN_LIMIT; look++) {
        assertThat(nextLook.get()).isEmpty();
      }
      assertThat(nextLook.get()).contains(hidden);
      assertThat(watch.measure(job)).as("the look at the end of the run").contains(hidden);
      assertThat(RequestedVolumes.describe(job.request(), hidden))
          .isEqualTo("modelPath /data2 cannot be measured: it is closed");
    }
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
