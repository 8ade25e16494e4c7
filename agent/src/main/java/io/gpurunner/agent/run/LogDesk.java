package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.log.RunLogs;
import io.gpurunner.api.Caller;
import io.gpurunner.api.JobId;
import io.gpurunner.api.LogQuery;
import io.gpurunner.api.Logs;
import io.gpurunner.storage.JobVolumes;

/** Lets clients read what jobs printed. Thread-safe. */
public final class LogDesk implements Logs {
  private final JobDesk desk;
  private final JobLedger ledger;
  private final JobVolumes volumes;
  private final RunLogs logs;

  public LogDesk(JobDesk desk, JobLedger ledger, JobVolumes volumes, RunLogs logs) {
    this.desk = desk;
    this.ledger = ledger;
    this.volumes = volumes;
    this.logs = logs;
  }

  @Override
  public Reading open(Caller caller, JobId id, LogQuery query) {
    Job job = desk.find(caller, id);
    return new LogReading(
        job, query, desk, ledger, new RunOutputs(volumes.paths(job.folder()), logs));
  }
}
