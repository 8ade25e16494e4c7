package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import io.gpurunner.agent.callback.CallbackResult;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.agent.ledger.CommitWatch;
import io.gpurunner.agent.ledger.DueCallbacks;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.log.RunLogs;
import io.gpurunner.agent.metrics.AgentMetrics;
import io.gpurunner.agent.metrics.Exposition;
import io.gpurunner.agent.metrics.MetricNames;
import io.gpurunner.api.JobId;
import io.gpurunner.api.Metrics;
import io.gpurunner.gpu.GpuDetails;
import io.gpurunner.gpu.GpuDetails.ReportedXid;
import io.gpurunner.gpu.GpuDevice.Presence;
import io.gpurunner.gpu.GpuFact;
import io.gpurunner.gpu.GpuProcess;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.storage.FileWork;
import io.gpurunner.storage.StorageException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests what the metrics tell of a machine with two GPUs, and of its jobs. */
final class RunMetricsTest {
  private static final URI RECEIVER = URI.create("http://127.0.0.1:1/cb");
  private static final Map<GpuFact, Long> FACTS =
      Map.of(
          GpuFact.MINOR, 3L,
          GpuFact.UTILIZATION_PERCENT, 97L,
          GpuFact.MEMORY_UTILIZATION_PERCENT, 33L,
          GpuFact.POWER_MILLIWATTS, 250_500L,
          GpuFact.POWER_LIMIT_MILLIWATTS, 350_000L,
          GpuFact.ENERGY_MILLIJOULES, 5_000_001L,
          GpuFact.TEMPERATURE_CELSIUS, 71L,
          GpuFact.SM_CLOCK_MHZ, 1980L,
          GpuFact.MEMORY_CLOCK_MHZ, 2619L,
          GpuFact.ECC_UNCORRECTED, 2L);

  @TempDir Path directory;

  private final Deque<CallbackResult> answers = new ArrayDeque<>();

  @SuppressWarnings("NullAway.Init") // created before each test
  private RunHarness run;

  @SuppressWarnings("NullAway.Init") // set before each test
  private GpuUuid first;

  @SuppressWarnings("NullAway.Init") // set before each test
  private GpuUuid second;

  @SuppressWarnings("NullAway.Init") // created before each test
  private WatchedRun watched;

  @BeforeEach
  void make() {
    run = new RunHarness(directory);
    first = run.gpus.snapshot().devices().getFirst().uuid();
    second = run.gpus.snapshot().devices().getLast().uuid();
    watched = watch(Optional.empty());
  }

  @AfterEach
  void close() {
    run.close();
  }

  private WatchedRun watch(Optional<String> dcgmHost) {
    return watch(new AgentMetrics("1.2.3", dcgmHost, run.clock));
  }

  private WatchedRun watch(AgentMetrics metrics) {
    return WatchedRun.of(
        run,
        metrics,
        _ -> answers.isEmpty() ? new CallbackResult.Delivered(200) : answers.remove());
  }

  private Exposition scrape() {
    return new Exposition(watched.metrics().scrape("").text());
  }

  private JobId submit(Requests request, Duration runsFor, int exitCode) {
    return run.submit(request, Program.endsAfter(runsFor, exitCode));
  }

  private void tells(GpuUuid gpu, Map<GpuFact, Long> facts, ReportedXid... xids) {
    run.gpus.change(
        gpu, device -> device.withDetails(new GpuDetails(Optional.empty(), facts, List.of(xids))));
  }

  private void sendCallbacks() {
    DueCallbacks.of(run.ledger, run.clock.instant()).forEach(watched.outbox()::send);
  }

  // ---- formats

  @Test
  void everyFamilyIsExportedAndNoOther() {
    watchAll();
    Map<String, String> expected = new HashMap<>(MetricNames.families());
    MetricNames.dcgm().forEach(name -> expected.put(name, "gauge"));
    expected.put("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "untyped");

    Exposition page = scrape();

    assertThat(page.types()).containsExactlyInAnyOrderEntriesOf(expected);
    assertThat(page.value("gpurunner_build_info", "version", "1.2.3")).hasValue(1);
  }

  /** The metrics follow the commits of a ledger, and a GPU whose driver reports every fact. */
  private void watchAll() {
    run.ledger.close();
    AgentMetrics metrics = new AgentMetrics("1.2.3", Optional.of("host-1"), run.clock);
    JobLedger ledger =
        JobLedger.open(directory.resolve("ledger"), run.clock, metrics.around(CommitWatch.NONE));
    run.ledger = ledger;
    run.meter = new GpuMeter(ledger, run.gpus, run.gate, run.measured, run.clock);
    watched = watch(metrics);
    tells(first, FACTS, new ReportedXid(run.clock.instant(), 79));
    run.meter.round();
    watched.readiness().look();
  }

  @Test
  void prometheusGetsTheFormatThatItAsksFor() {
    Metrics.Page text = watched.metrics().scrape("text/plain;version=0.0.4;q=0.5,*/*;q=0.1");
    assertThat(text.contentType()).startsWith("text/plain; version=0.0.4");
    assertThat(text.text()).contains("# TYPE gpurunner_jobs_submitted_total counter\n");

    Metrics.Page open =
        watched
            .metrics()
            .scrape("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5");
    assertThat(open.contentType()).startsWith("application/openmetrics-text; version=1.0.0");
    assertThat(open.text())
        .endsWith("# EOF\n")
        .contains("# TYPE gpurunner_jobs_submitted counter\n", "# TYPE gpurunner_build info\n");
  }

  // ---- GPUs

  @Test
  void aGpuIsInBaseUnits() {
    tells(first, FACTS);
    Exposition page = scrape();
    Map<String, Double> expected =
        Map.of(
            "gpurunner_gpu_utilization_ratio", 0.97,
            "gpurunner_gpu_power_watts", 250.5,
            "gpurunner_gpu_power_limit_watts", 350.0,
            "gpurunner_gpu_energy_joules_total", 5000.001,
            "gpurunner_gpu_temperature_celsius", 71.0,
            "gpurunner_gpu_ecc_uncorrected_errors_total", 2.0,
            "gpurunner_gpu_memory_used_bytes", 0.0);
    expected.forEach(
        (name, value) ->
            assertThat(page.value(name, "gpu", "0", "uuid", first.value()).orElseThrow())
                .as(name)
                .isCloseTo(value, offset(1e-9)));
    assertThat(page.by("clock", "gpurunner_gpu_clock_hertz"))
        .isEqualTo(Map.of("sm", 1.98e9, "memory", 2.619e9));
    assertThat(page.value("gpurunner_gpu_memory_total_bytes", "uuid", first.value()).orElseThrow())
        .isEqualTo(
            (double) run.gpus.snapshot().devices().getFirst().memory().total().orElseThrow());
    assertThat(
            page.value(
                "gpurunner_gpu_info", "uuid", first.value(), "type", "NVIDIA-GeForce-RTX-3090"))
        .hasValue(1);
  }

  @Test
  void whatADriverDoesNotTellIsAbsent() {
    tells(first, Map.of(GpuFact.UTILIZATION_PERCENT, 0L));
    Exposition page = scrape();
    assertThat(page.value("gpurunner_gpu_utilization_ratio", "gpu", "0")).hasValue(0);
    assertThat(page.value("gpurunner_gpu_utilization_ratio", "gpu", "1")).isEmpty();
    assertThat(page.types())
        .doesNotContainKeys(
            "gpurunner_gpu_power_watts",
            "gpurunner_gpu_power_limit_watts",
            "gpurunner_gpu_energy_joules_total",
            "gpurunner_gpu_temperature_celsius",
            "gpurunner_gpu_clock_hertz",
            "gpurunner_gpu_last_xid",
            "gpurunner_gpu_ecc_uncorrected_errors_total");
  }

  @Test
  void whatIsOfAnEarlierLookIsAbsent() {
    tells(first, FACTS);
    run.gpus.fail("the driver does not answer");
    Exposition page = scrape();
    assertThat(page.series("gpurunner_gpu_utilization_ratio")).isEmpty();
    assertThat(page.series("gpurunner_gpu_processes")).isEmpty();
    assertThat(page.value("gpurunner_gpu_state", "gpu", "0", "state", "unfit")).hasValue(1);
    run.gpus.recover();

    run.gpus.change(
        first,
        device ->
            device
                .withDetails(new GpuDetails(Optional.empty(), FACTS, List.of()))
                .withFault(Presence.LOST, "fell off the bus"));
    assertThat(scrape().value("gpurunner_gpu_temperature_celsius", "gpu", "0")).isEmpty();
    assertThat(scrape().value("gpurunner_gpu_state", "gpu", "0", "state", "unfit")).hasValue(1);
  }

  @Test
  void aGpuIsInOneStateAndAnotherSeriesSaysWhetherAJobHoldsIt() {
    assertThat(scrape().by("state", "gpurunner_gpu_state"))
        .isEqualTo(
            Map.of(
                "free", 2.0,
                "leased", 0.0,
                "in-use", 0.0,
                "quarantined", 0.0,
                "recovering", 0.0,
                "unfit", 0.0));
    JobId id = submit(Requests.simple(), Duration.ofHours(1), 0);
    run.until(id, JobState.Running.class);
    GpuUuid held = run.ledger.leases().keySet().iterator().next();
    run.gpus.change(held, device -> device.withFault(Presence.LOST, "fell off the bus"));

    Exposition page = scrape();

    assertThat(page.value("gpurunner_gpu_state", "uuid", held.value(), "state", "unfit"))
        .hasValue(1);
    assertThat(page.value("gpurunner_gpu_leased", "uuid", held.value())).hasValue(1);
    assertThat(page.by("uuid", "gpurunner_gpu_leased")).containsValue(0.0);
  }

  @Test
  void processesAreCountedByWhoseTheyAre() {
    run.gpus.use(first, 4711);
    run.gpus.use(
        second,
        new GpuProcess(12, OptionalLong.empty(), GpuProcess.Kind.GRAPHICS, Optional.empty(), true));
    Exposition page = scrape();
    assertThat(page.value("gpurunner_gpu_processes", "gpu", "0", "owner", "foreign")).hasValue(1);
    assertThat(page.by("owner", "gpurunner_gpu_processes"))
        .isEqualTo(Map.of("job", 0.0, "intruder", 0.0, "foreign", 1.0, "ignored", 1.0));
  }

  @Test
  void theTimeOfLeasesIsCountedByUse() {
    JobId id = submit(Requests.simple(), Duration.ofHours(1), 0);
    run.until(id, JobState.Running.class);
    GpuUuid held = run.ledger.leases().keySet().iterator().next();
    run.meter.round();
    run.clock.advance(Duration.ofSeconds(4));
    run.meter.round();
    run.gpus.use(held, 42);
    run.clock.advance(Duration.ofSeconds(3));
    run.meter.round();

    Exposition page = scrape();

    String name = "gpurunner_gpu_leased_seconds_total";
    assertThat(page.value(name, "uuid", held.value(), "use", "held")).hasValue(4);
    assertThat(page.value(name, "uuid", held.value(), "use", "used")).hasValue(3);
    assertThat(page.value(name, "uuid", held.value(), "use", "idle")).hasValue(0);
  }

  @Test
  void errorsOfTheDriverAreCountedAndTheLastOneIsNamed() {
    run.meter.round();
    assertThat(scrape().value("gpurunner_gpu_xid_errors_total", "gpu", "0")).hasValue(0);
    tells(
        first,
        Map.of(),
        new ReportedXid(run.clock.instant(), 31),
        new ReportedXid(run.clock.instant(), 79));
    run.meter.round();
    run.meter.round();
    assertThat(scrape().value("gpurunner_gpu_xid_errors_total", "gpu", "0")).hasValue(2);
    assertThat(scrape().value("gpurunner_gpu_last_xid", "gpu", "0")).hasValue(79);
    assertThat(scrape().value("gpurunner_gpu_xid_errors_total", "gpu", "1")).hasValue(0);
  }

  @Test
  void theNamesOfDcgmsExporterAreThereIfTheyAreWanted() {
    assertThat(scrape().types()).doesNotContainKey("DCGM_FI_DEV_GPU_UTIL");
    watched = watch(Optional.of("host-1"));
    tells(first, FACTS);
    Exposition page = scrape();
    assertThat(page.series("DCGM_FI_DEV_GPU_UTIL"))
        .containsExactly(
            new Exposition.Series(
                "DCGM_FI_DEV_GPU_UTIL",
                Map.of(
                    "gpu", "0",
                    "UUID", first.value(),
                    "device", "nvidia3",
                    "modelName", RunHarness.RTX,
                    "Hostname", "host-1")));
    assertThat(page.value("DCGM_FI_DEV_GPU_UTIL")).hasValue(97);
    assertThat(page.value("DCGM_FI_DEV_MEM_COPY_UTIL")).hasValue(33);
    assertThat(page.value("DCGM_FI_DEV_POWER_USAGE")).hasValue(250.5);
    assertThat(page.value("DCGM_FI_DEV_GPU_TEMP")).hasValue(71);
    assertThat(page.value("DCGM_FI_DEV_SM_CLOCK")).hasValue(1980);
    assertThat(page.value("DCGM_FI_DEV_MEM_CLOCK")).hasValue(2619);
    assertThat(page.value("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION")).hasValue(5_000_001);
    assertThat(page.value("DCGM_FI_DEV_XID_ERRORS", "gpu", "0")).hasValue(0);
    run.gpus.use(second, 7); // 4 GiB
    assertThat(scrape().value("DCGM_FI_DEV_FB_USED", "gpu", "1")).hasValue(4096);
    long total = run.gpus.snapshot().devices().getLast().memory().total().orElseThrow();
    assertThat(scrape().value("DCGM_FI_DEV_FB_FREE", "gpu", "1"))
        .hasValue((double) total / (1 << 20) - 4096);
  }

  // ---- jobs

  @Test
  void aJobIsCountedInItsStateAndItsPartsAreMeasured() {
    JobId id = submit(Requests.simple(), Duration.ofSeconds(100), 0);
    assertThat(scrape().value("gpurunner_jobs", "state", "queued")).hasValue(1);
    assertThat(scrape().value("gpurunner_jobs_submitted_total")).hasValue(1);
    run.clock.advance(Duration.ofSeconds(70));
    run.whenQueuedDispatch();
    assertThat(scrape().by("state", "gpurunner_jobs"))
        .containsEntry("queued", 0.0)
        .containsEntry("preparing", 1.0);
    run.stepOnce(id);
    assertThat(run.state(id)).isInstanceOf(JobState.Pulling.class);
    run.clock.advance(Duration.ofSeconds(20));
    run.until(id, JobState.Running.class);
    run.writeModel(id, "ds_model.bin", "weights");
    run.toTheEnd(id);

    Exposition page = scrape();

    assertThat(page.by("state", "gpurunner_jobs").values()).hasSize(7).containsOnly(0.0);
    assertThat(page.by("end", "gpurunner_jobs_finished_total"))
        .isEqualTo(Map.of("succeeded", 1.0, "failed", 0.0, "deleted", 0.0));
    assertThat(page.value("gpurunner_job_queued_seconds_sum")).hasValue(70);
    assertThat(page.value("gpurunner_job_queued_seconds_bucket", "le", "60.0")).hasValue(0);
    assertThat(page.value("gpurunner_job_queued_seconds_bucket", "le", "600.0")).hasValue(1);
    assertThat(page.value("gpurunner_job_pull_seconds_sum")).hasValue(20);
    assertThat(page.value("gpurunner_job_start_overhead_seconds_sum").orElseThrow())
        .isBetween(20.0, 21.0);
    assertThat(page.value("gpurunner_job_run_seconds_sum").orElseThrow()).isBetween(100.0, 110.0);
    assertThat(page.value("gpurunner_job_upload_seconds_count")).hasValue(1);
    assertThat(page.value("gpurunner_upload_bytes_total")).hasValue(7);
  }

  @Test
  void eachEndAndEachWaitCounts() {
    JobId retried = submit(Requests.simple().retries(1), Duration.ofSeconds(5), 3);
    run.toTheEnd(retried);
    JobId deleted = submit(Requests.simple().gpus(2), Duration.ofSeconds(5), 0);
    run.ledger.requestDeletion(deleted, "ann");

    Exposition page = scrape();

    assertThat(page.by("end", "gpurunner_jobs_finished_total"))
        .isEqualTo(Map.of("succeeded", 0.0, "failed", 1.0, "deleted", 1.0));
    assertThat(page.value("gpurunner_jobs_submitted_total")).hasValue(2);
    assertThat(page.value("gpurunner_job_queued_seconds_count")).as("two runs").hasValue(2);
    assertThat(page.value("gpurunner_job_run_seconds_count")).hasValue(2);
    assertThat(page.value("gpurunner_job_upload_seconds_count")).hasValue(0);
    assertThat(page.by("state", "gpurunner_jobs").values()).containsOnly(0.0);
  }

  @Test
  void anUploadThatIsRetriedOnRequestIsNoNewJob() {
    JobId id = submit(Requests.simple(), Duration.ofSeconds(5), 0);
    run.until(id, JobState.Running.class);
    run.writeModel(id, "ds_model.bin", "weights");
    run.store.failNext(
        Collections.nCopies(99, StorageException.Kind.UNAVAILABLE)
            .toArray(StorageException.Kind[]::new));
    run.toTheEnd(id);
    run.store.heal();
    run.ledger.apply(
        run.job(id),
        new JobEvent.UploadResumed(run.clock.instant(), run.clock.instant().plusSeconds(60)));
    assertThat(scrape().value("gpurunner_jobs", "state", "uploading")).hasValue(1);
    run.toTheEnd(id);
    Exposition page = scrape();
    assertThat(page.value("gpurunner_jobs_submitted_total")).hasValue(1);
    assertThat(page.by("end", "gpurunner_jobs_finished_total"))
        .isEqualTo(Map.of("succeeded", 1.0, "failed", 1.0, "deleted", 0.0));
  }

  @Test
  void anAgentThatStartsCountsTheJobsThatItFindsAndMeasuresWhatTheRecordTells() {
    JobId running = submit(Requests.simple(), Duration.ofSeconds(100), 0);
    run.until(running, JobState.Running.class);
    JobId pulling = submit(Requests.simple().gpus(0).type(""), Duration.ofSeconds(1), 0);
    run.whenQueuedDispatch();
    run.stepOnce(pulling);
    JobId queued = submit(Requests.simple().gpus(2), Duration.ofSeconds(1), 0);
    run.clock.advance(Duration.ofSeconds(30));
    run.restart("boot-1");
    watched = watch(Optional.empty());

    assertThat(scrape().by("state", "gpurunner_jobs"))
        .containsEntry("queued", 1.0)
        .containsEntry("pulling", 1.0)
        .containsEntry("running", 1.0);
    assertThat(scrape().value("gpurunner_jobs_submitted_total")).hasValue(0);
    run.toTheEnd(pulling);
    run.toTheEnd(running);
    run.toTheEnd(queued);
    Exposition page = scrape();
    assertThat(page.value("gpurunner_job_pull_seconds_count")).as("of the last").hasValue(1);
    assertThat(page.value("gpurunner_job_start_overhead_seconds_count")).hasValue(1);
    assertThat(page.value("gpurunner_job_queued_seconds_sum").orElseThrow())
        .isGreaterThanOrEqualTo(30);
    assertThat(page.value("gpurunner_job_run_seconds_count")).hasValue(3);
    assertThat(page.value("gpurunner_job_run_seconds_sum").orElseThrow())
        .isGreaterThanOrEqualTo(100);
  }

  // ---- queue

  @Test
  void queuedJobsAreCountedByWhatTheyWaitFor() {
    JobId holder = submit(Requests.simple(), Duration.ofMinutes(2), 0);
    run.until(holder, JobState.Running.class);
    submit(Requests.simple().gpus(2), Duration.ofSeconds(1), 0);
    run.clock.advance(Duration.ofSeconds(50));
    submit(Requests.simple(), Duration.ofSeconds(1), 0);
    submit(Requests.simple().gpus(5), Duration.ofSeconds(1), 0);
    run.clock.advance(Duration.ofSeconds(10));
    watched.dispatcher().round();

    Exposition page = scrape();

    assertThat(page.by("reason", "gpurunner_queue_jobs"))
        .isEqualTo(
            Map.of(
                "gpus", 1.0,
                "limit", 0.0,
                "behind", 1.0,
                "unfit", 1.0,
                "place", 0.0,
                "disk", 0.0,
                "pause", 0.0,
                "machine", 0.0));
    assertThat(page.by("reason", "gpurunner_queue_oldest_seconds"))
        .containsEntry("gpus", 60.0)
        .containsEntry("behind", 10.0)
        .containsEntry("disk", 0.0);
    assertThat(page.value("gpurunner_queue_beside_free_gpus_seconds"))
        .as("a GPU is free, and is kept for the job ahead")
        .hasValue(10);
    run.toTheEnd(holder);
    run.whenQueuedDispatch();
    watched.dispatcher().round();
    assertThat(scrape().value("gpurunner_queue_beside_free_gpus_seconds")).hasValue(0);
  }

  @Test
  void aJobThatIsBackInTheQueueWaitsSinceThen() {
    JobId id = submit(Requests.simple().retries(1), Duration.ofSeconds(20), 3);
    run.until(id, JobState.Running.class);
    run.gpus.use(first, 1);
    run.gpus.use(second, 2);
    run.until(id, JobState.Queued.class);
    watched.dispatcher().round();
    run.clock.advance(Duration.ofSeconds(5));
    watched.dispatcher().round();
    assertThat(scrape().by("reason", "gpurunner_queue_oldest_seconds").values())
        .containsOnly(0.0, 5.0);
  }

  @Test
  void aMachineThatStartsNothingIsAReason() {
    run.gate.engineDisk(Optional.of("the engine's disk is full"));
    submit(Requests.simple(), Duration.ofSeconds(1), 0);
    run.clock.advance(Duration.ofSeconds(3));
    watched.dispatcher().round();
    Exposition page = scrape();
    assertThat(page.value("gpurunner_queue_jobs", "reason", "machine")).hasValue(1);
    assertThat(page.value("gpurunner_queue_beside_free_gpus_seconds")).hasValue(3);
  }

  @Test
  void aJobWhoseStartWasPreventedWaitsForItsNextTry() {
    JobId id = submit(Requests.simple(), Duration.ofSeconds(1), 0);
    run.images.failNext("busybox", ContainerException.Kind.FAILED, "no route to host");
    run.until(id, JobState.Stopping.class);
    run.until(id, JobState.Queued.class);
    watched.dispatcher().round();
    Exposition page = scrape();
    assertThat(page.value("gpurunner_queue_jobs", "reason", "pause")).hasValue(1);
    assertThat(page.value("gpurunner_job_pull_seconds_count")).as("it failed").hasValue(0);
  }

  // ---- logs, callbacks, disks, readiness, ledger

  @Test
  void whatJobsPrintAndWhoFollowsItIsCounted() {
    ContainerRef copied = ContainerRef.unrecorded(new ContainerName(JobId.random(), 1));
    ContainerRef gone = ContainerRef.unrecorded(new ContainerName(JobId.random(), 1));
    run.output.print(copied.name(), "loss 0.5\n");
    try (FileWork files = new FileWork();
        RunLogs logs = new RunLogs(run.output, files, run.clock)) {
      logs.finish(copied, directory.resolve("run-1"), Duration.ofSeconds(10));
      logs.follow(gone, directory.resolve("run-2"));
      logs.abandon(gone, directory.resolve("run-2"));
      watched =
          WatchedRun.of(
              run,
              new AgentMetrics("1.2.3", Optional.empty(), run.clock),
              _ -> new CallbackResult.Delivered(200),
              logs.tally(),
              3);

      Exposition page = scrape();

      assertThat(page.value("gpurunner_log_followers")).hasValue(3);
      assertThat(page.value("gpurunner_log_received_bytes_total")).hasValue(18);
      assertThat(page.value("gpurunner_log_written_bytes_total")).hasValue(9);
      assertThat(page.value("gpurunner_log_dropped_bytes_total")).hasValue(0);
      assertThat(page.by("why", "gpurunner_log_gaps_total"))
          .isEqualTo(Map.of("engine", 0.0, "record", 0.0, "container", 1.0, "length", 0.0));
    }
  }

  @Test
  void callbacksThatAreOwedAndTheirTriesAreCounted() {
    assertThat(scrape().value("gpurunner_callbacks_owed")).hasValue(0);
    assertThat(scrape().value("gpurunner_callbacks_oldest_seconds")).hasValue(0);
    for (int job = 0; job < 2; job++) {
      run.toTheEnd(submit(Requests.simple().callback(RECEIVER), Duration.ofSeconds(1), 3));
    }
    run.clock.advance(Duration.ofHours(2));
    assertThat(scrape().value("gpurunner_callbacks_owed")).hasValue(2);
    assertThat(scrape().value("gpurunner_callbacks_oldest_seconds").orElseThrow())
        .isBetween(7200.0, 7300.0);
    answers.add(new CallbackResult.Rejected(500, "HTTP 500"));
    answers.add(new CallbackResult.Failed("no connection"));
    sendCallbacks();
    run.clock.advance(Duration.ofHours(1));
    answers.add(new CallbackResult.Forbidden("link-local"));
    sendCallbacks();
    Exposition page = scrape();
    assertThat(page.by("result", "gpurunner_callback_attempts_total"))
        .isEqualTo(Map.of("delivered", 1.0, "rejected", 1.0, "failed", 1.0, "forbidden", 1.0));
    assertThat(page.value("gpurunner_callbacks_owed")).hasValue(1);
  }

  @Test
  void disksAndReadinessAreThoseOfTheLastLook() {
    assertThat(scrape().series("gpurunner_disk_free_bytes")).as("not looked yet").isEmpty();
    assertThat(scrape().value("gpurunner_ready", "part", "disk")).hasValue(0);
    watched.readiness().look();
    Exposition page = scrape();
    assertThat(page.value("gpurunner_disk_free_bytes", "volume", "jobs").orElseThrow())
        .isPositive();
    assertThat(page.by("part", "gpurunner_ready"))
        .isEqualTo(Map.of("docker", 1.0, "store", 1.0, "disk", 1.0, "ledger", 1.0, "gpus", 1.0));
    run.engine.fault(Optional.of(new IllegalStateException("no answer")));
    watched.readiness().look();
    assertThat(scrape().value("gpurunner_ready", "part", "docker")).hasValue(0);
  }

  @Test
  void groupsOfCommitsAreMeasured() {
    watchAll();
    submit(Requests.simple(), Duration.ofSeconds(1), 0);
    submit(Requests.simple(), Duration.ofSeconds(1), 0);
    Exposition page = scrape();
    assertThat(page.value("gpurunner_ledger_commits_total")).hasValue(2);
    assertThat(page.value("gpurunner_ledger_sync_seconds_count")).hasValue(2);
    assertThat(page.value("gpurunner_ledger_group_jobs_sum")).hasValue(2);
  }
}
