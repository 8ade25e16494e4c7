package io.gpurunner.agent.ledger.disk;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import io.gpurunner.storage.ArtifactPlace;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.IntFunction;

/** Ledgers with very many jobs, made in bulk. Stateless. */
public final class LargeLedger {
  private LargeLedger() {}

  /**
   * Adds jobs that succeeded, whose callbacks are due.
   *
   * @param directory a ledger that nobody has open
   * @param user returns the user of each job, which are counted from 0
   * @param callback returns the receiver of each job's callback
   */
  public static void addOwing(
      Path directory,
      int count,
      IntFunction<String> user,
      IntFunction<URI> callback,
      Instant endedAt)
      throws IOException {
    Path made = Files.createTempDirectory("owing");
    Backups.copy(directory, made.resolve("copy"));
    LedgerPlace place = LedgerPlace.onDisk(made);
    Path larger = made.resolve("larger");
    try (Snapshot smaller = Snapshot.open(place.file("copy"));
        Snapshot.Writer writer =
            new Snapshot.Writer(
                place.create(place.file("larger")),
                smaller.header(),
                smaller.end().newest() + count)) {
      for (Snapshot.Part part : Snapshot.Part.values()) {
        smaller.read(part, job -> writer.write(part, job));
        for (int i = 1; part == Snapshot.Part.OWED && i <= count; i++) {
          writer.write(
              owing(smaller.end().newest() + i, user.apply(i - 1), callback.apply(i - 1), endedAt));
        }
      }
      writer.end();
    }
    Backups.restore(directory, larger, endedAt);
    Files.delete(larger);
    Files.delete(made.resolve("copy"));
    Files.delete(made);
  }

  private static JobRecord owing(long sequence, String user, URI callback, Instant endedAt) {
    Job job =
        new Job(
            JobId.random(),
            user,
            sequence,
            11,
            endedAt,
            Requests.simple().callback(callback).build(),
            new JobState.Succeeded(
                endedAt,
                Optional.of(endedAt),
                Optional.of("model.zip"),
                Optional.of(new ArtifactPlace.Local())),
            Optional.empty(),
            Optional.empty(),
            JobFiles.KEPT,
            List.of());
    return new JobRecord(
        job,
        Optional.empty(),
        List.of(new JobHistory.Line(endedAt, "submitted", "submitted by " + user)),
        Optional.of(
            new CallbackRecord(
                UUID.randomUUID().toString(),
                true,
                CallbackRecord.Status.PENDING,
                0,
                Optional.empty(),
                endedAt)));
  }
}
