package io.gpurunner.agent.metrics;

import java.util.List;

/**
 * Every family of metrics of the agent: its name, kind, help and labels. Each label has few values.
 * No name of a user, a job, an image or a receiver is one.
 */
enum Family {
  BUILD(Kind.INFO, "gpurunner_build_info", "The version of the agent; always 1.", "version"),

  GPU_INFO(
      Kind.INFO,
      "gpurunner_gpu_info",
      "The type of a GPU, as jobs ask for it; always 1.",
      "gpu",
      "uuid",
      "type"),
  GPU_STATE(
      Kind.GAUGE,
      "gpurunner_gpu_state",
      "1 for the state that a GPU is in, 0 for the others.",
      "gpu",
      "uuid",
      "state"),
  GPU_LEASED(
      Kind.GAUGE, "gpurunner_gpu_leased", "1 if a job holds the GPU, else 0.", "gpu", "uuid"),
  GPU_LEASED_SECONDS(
      Kind.COUNTER,
      "gpurunner_gpu_leased_seconds_total",
      "The time that jobs held a GPU: used (a kernel ran), idle (a process, no kernel), held (no"
          + " process).",
      "gpu",
      "uuid",
      "use"),
  GPU_UTILIZATION(
      Kind.GAUGE,
      "gpurunner_gpu_utilization_ratio",
      "The part of the last second or less in which a kernel ran, 0 to 1.",
      "gpu",
      "uuid"),
  GPU_MEMORY_USED(
      Kind.GAUGE,
      "gpurunner_gpu_memory_used_bytes",
      "Memory in use; absent if it is the host's.",
      "gpu",
      "uuid"),
  GPU_MEMORY_TOTAL(
      Kind.GAUGE, "gpurunner_gpu_memory_total_bytes", "The size of the memory.", "gpu", "uuid"),
  GPU_POWER(Kind.GAUGE, "gpurunner_gpu_power_watts", "The power drawn now.", "gpu", "uuid"),
  GPU_POWER_LIMIT(
      Kind.GAUGE,
      "gpurunner_gpu_power_limit_watts",
      "The power that the driver lets the GPU draw now.",
      "gpu",
      "uuid"),
  GPU_ENERGY(
      Kind.COUNTER,
      "gpurunner_gpu_energy_joules_total",
      "The energy used since the driver was loaded.",
      "gpu",
      "uuid"),
  GPU_TEMPERATURE(
      Kind.GAUGE, "gpurunner_gpu_temperature_celsius", "The temperature.", "gpu", "uuid"),
  GPU_CLOCK(
      Kind.GAUGE,
      "gpurunner_gpu_clock_hertz",
      "The clock of the multiprocessors (sm) and of the memory.",
      "gpu",
      "uuid",
      "clock"),
  GPU_PROCESSES(
      Kind.GAUGE,
      "gpurunner_gpu_processes",
      "Processes on the GPU: of its job, intruders on a job's GPU, foreign ones that keep it from"
          + " jobs, ignored ones.",
      "gpu",
      "uuid",
      "owner"),
  GPU_XIDS(
      Kind.COUNTER,
      "gpurunner_gpu_xid_errors_total",
      "Errors (XID) that the driver reported since the agent's start.",
      "gpu",
      "uuid"),
  GPU_LAST_XID(
      Kind.GAUGE,
      "gpurunner_gpu_last_xid",
      "NVIDIA's number of the last error; absent if there was none.",
      "gpu",
      "uuid"),
  GPU_ECC_ERRORS(
      Kind.COUNTER,
      "gpurunner_gpu_ecc_uncorrected_errors_total",
      "Memory errors since the driver was loaded that could not be corrected.",
      "gpu",
      "uuid"),

  JOBS(Kind.GAUGE, "gpurunner_jobs", "Jobs that have not ended, by state.", "state"),
  JOBS_SUBMITTED(Kind.COUNTER, "gpurunner_jobs_submitted_total", "Jobs that were submitted."),
  JOBS_FINISHED(
      Kind.COUNTER,
      "gpurunner_jobs_finished_total",
      "Ends of jobs; a job whose upload was retried has two.",
      "end"),
  QUEUE_JOBS(
      Kind.GAUGE,
      "gpurunner_queue_jobs",
      "Queued jobs by what they wait for first, as last decided.",
      "reason"),
  QUEUE_OLDEST(
      Kind.GAUGE,
      "gpurunner_queue_oldest_seconds",
      "How long the oldest of these jobs has waited; 0 if there is none.",
      "reason"),
  QUEUE_BESIDE_FREE_GPUS(
      Kind.GAUGE,
      "gpurunner_queue_beside_free_gpus_seconds",
      "How long the oldest job has waited for which enough fitting GPUs are free; 0 if there is"
          + " none."),
  JOB_QUEUED(
      Kind.HISTOGRAM, "gpurunner_job_queued_seconds", "From the queue to the lease, each time."),
  JOB_START(
      Kind.HISTOGRAM,
      "gpurunner_job_start_overhead_seconds",
      "From the lease to the start of the container; a pull is part of it."),
  JOB_PULL(
      Kind.HISTOGRAM,
      "gpurunner_job_pull_seconds",
      "Looking for the image, and pulling it if that was needed."),
  JOB_RUN(
      Kind.HISTOGRAM,
      "gpurunner_job_run_seconds",
      "From the start of the container until the run must end, or has ended."),
  JOB_UPLOAD(
      Kind.HISTOGRAM,
      "gpurunner_job_upload_seconds",
      "From the end of the lease until the artifacts were complete; waiting is part of it."),
  UPLOAD_BYTES(
      Kind.COUNTER, "gpurunner_upload_bytes_total", "Bytes of files whose upload was complete."),

  LOG_FOLLOWERS(Kind.GAUGE, "gpurunner_log_followers", "Clients that follow what a job prints."),
  LOG_RECEIVED(
      Kind.COUNTER,
      "gpurunner_log_received_bytes_total",
      "Output that the engine sent; after a break it sends some of it again."),
  LOG_WRITTEN(Kind.COUNTER, "gpurunner_log_written_bytes_total", "Output that was added to logs."),
  LOG_DROPPED(
      Kind.COUNTER,
      "gpurunner_log_dropped_bytes_total",
      "Output that was removed from the middle of logs, because they had become too long."),
  LOG_GAPS(
      Kind.COUNTER,
      "gpurunner_log_gaps_total",
      "Places in logs where output is missing: the engine dropped it, the container was gone, or"
          + " the log's length.",
      "why"),

  CALLBACKS_OWED(
      Kind.GAUGE, "gpurunner_callbacks_owed", "Callbacks that are neither delivered nor given up."),
  CALLBACKS_OLDEST(
      Kind.GAUGE,
      "gpurunner_callbacks_oldest_seconds",
      "The time since the earliest end that an owed callback reports; 0 if none is owed."),
  CALLBACK_ATTEMPTS(
      Kind.COUNTER,
      "gpurunner_callback_attempts_total",
      "Tries of callbacks: delivered, rejected (another status), failed (no answer), forbidden.",
      "result"),

  LEDGER_COMMITS(
      Kind.COUNTER,
      "gpurunner_ledger_commits_total",
      "Changes of jobs that are on disk; those of one job in one group count once."),
  LEDGER_SYNC(
      Kind.HISTOGRAM,
      "gpurunner_ledger_sync_seconds",
      "Writing a group of commits and syncing it."),
  LEDGER_GROUP(
      Kind.HISTOGRAM, "gpurunner_ledger_group_jobs", "Jobs that were changed by one group."),

  DISK_FREE(
      Kind.GAUGE,
      "gpurunner_disk_free_bytes",
      "Free on the disk of jobs (without the agent's reserve) and of the container engine.",
      "volume"),
  READY(Kind.GAUGE, "gpurunner_ready", "1 if the part is ready, else 0.", "part");

  /** What a family is to Prometheus. */
  enum Kind {
    GAUGE,
    COUNTER,
    HISTOGRAM,
    INFO
  }

  private final Kind kind;
  private final String metric;
  private final String help;

  /** The names of the labels, with a comma between two. */
  private final String labels;

  Family(Kind kind, String metric, String help, String... labels) {
    this.kind = kind;
    this.metric = metric;
    this.help = help;
    this.labels = String.join(",", labels);
  }

  Kind kind() {
    return kind;
  }

  /** Returns the name of its samples. Those of a histogram have an ending after it. */
  String metric() {
    return metric;
  }

  String help() {
    return help;
  }

  List<String> labels() {
    return labels.isEmpty() ? List.of() : List.of(labels.split(",", -1));
  }
}
