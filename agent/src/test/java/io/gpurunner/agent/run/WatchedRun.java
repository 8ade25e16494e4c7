package io.gpurunner.agent.run;

import io.gpurunner.agent.callback.CallbackSender;
import io.gpurunner.agent.callback.RetrySchedule;
import io.gpurunner.agent.log.LogTally;
import io.gpurunner.agent.metrics.AgentMetrics;
import java.time.Duration;
import java.util.Optional;
import java.util.Random;

/** The metrics of a harness, and the parts that a test drives itself. */
record WatchedRun(
    AgentMetrics metrics, Dispatcher dispatcher, CallbackOutbox outbox, Readiness readiness) {
  /** Begins to follow the harness as it is now. */
  static WatchedRun of(RunHarness run, AgentMetrics metrics, CallbackSender sender) {
    return of(run, metrics, sender, new LogTally(), 0);
  }

  /**
   * Begins to follow the harness, and logs that it does not have.
   *
   * @param followers how many clients follow the logs
   */
  static WatchedRun of(
      RunHarness run, AgentMetrics metrics, CallbackSender sender, LogTally logs, int followers) {
    WatchedRun watched =
        new WatchedRun(
            metrics,
            run.newDispatcher(),
            new CallbackOutbox(
                run.ledger,
                sender,
                new ArtifactUrls(run.store, _ -> Optional.empty(), Duration.ofDays(7), run.clock),
                new RetrySchedule(Duration.ofDays(3), new Random(1)),
                run.clock),
            new Readiness(
                "Docker", run.engine, run.store, run.gpus, run.volumes, run.ledger, run.gate));
    metrics.follow(
        new AgentMetrics.Parts(
            run.ledger,
            watched.dispatcher,
            watched.outbox,
            run.publisher,
            watched.readiness,
            run.gpus,
            new GpuReports(run.gpus, run.ledger, run.gate, run.meter, at -> at),
            run.meter,
            logs,
            () -> followers));
    return watched;
  }
}
