package io.gpurunner.agent.ledger.disk;

import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobRequest;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.storage.ArtifactPlace;
import java.io.BufferedWriter;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;

/**
 * Makes a ledger full of finished jobs, for {@code make bench}: with the lines of history and the
 * callbacks that real jobs leave. One thread.
 */
final class FinishedJobs {
  /** Ids written beside the ledger, for whoever asks about these jobs. */
  private static final int SAMPLE = 100_000;

  private static final GpuUuid GPU = new GpuUuid("GPU-00000000-0000-4000-8000-000000000000");
  private static final URI CALLBACK = URI.create("http://203.0.113.1/api/test/callback");

  private final Random random = new Random(1);
  private final String owner;
  private final JobRequest request = Requests.simple().callback(CALLBACK).build();

  private FinishedJobs(String owner) {
    this.owner = owner;
  }

  /** {@code FinishedJobs LEDGER COUNT OWNER IDS-FILE}. */
  public static void main(String[] arguments) throws IOException {
    Path ledger = Path.of(arguments[0]);
    int count = Integer.parseInt(arguments[1]);
    FinishedJobs jobs = new FinishedJobs(arguments[2]);
    Path directory = Files.createTempDirectory("finished");
    LedgerPlace place = LedgerPlace.onDisk(directory);
    Snapshot.Header header = new Snapshot.Header(Journal.FORM, UUID.randomUUID().toString(), 1);
    Instant first = Instant.now().minus(Duration.ofDays(100));
    int sampleEvery = Math.max(1, count / SAMPLE);
    try (BufferedWriter ids = Files.newBufferedWriter(Path.of(arguments[3]));
        Snapshot.Writer writer =
            new Snapshot.Writer(place.create(place.file("finished")), header, count)) {
      for (int number = 0; number < count; number++) {
        JobRecord record = jobs.record(number + 1L, first.plusSeconds(number));
        writer.write(record);
        if (number % sampleEvery == 0) {
          ids.write(record.job().id() + "\n");
        }
      }
      writer.end();
    }
    Backups.restore(ledger, directory.resolve("finished"), Instant.now());
    Files.delete(directory.resolve("finished"));
    Files.delete(directory);
    JobLedger.open(ledger, Clock.systemUTC()).close(); // builds the index
  }

  /** Version 4, as ids are; seeded, so that the same ledger comes out. */
  private UUID randomUuid() {
    long high = (random.nextLong() & ~0xf000L) | 0x4000L;
    long low = (random.nextLong() & ~(3L << 62)) | (2L << 62);
    return new UUID(high, low);
  }

  private JobRecord record(long sequence, Instant at) {
    Instant ended = at.plusSeconds(61);
    Job job =
        new Job(
            new JobId("ai" + randomUuid()),
            owner,
            sequence,
            11,
            at,
            request,
            new JobState.Succeeded(
                ended,
                Optional.of(at.plusSeconds(1)),
                Optional.of("model.zip"),
                Optional.of(new ArtifactPlace.Local())),
            Optional.empty(),
            Optional.empty(),
            JobFiles.SWEPT,
            List.of());
    CallbackRecord callback =
        new CallbackRecord(
            randomUuid().toString(),
            true,
            CallbackRecord.Status.DELIVERED,
            1,
            Optional.of(ended),
            ended);
    return new JobRecord(job, Optional.empty(), history(at), Optional.of(callback));
  }

  private static List<JobHistory.Line> history(Instant at) {
    Instant started = at.plusSeconds(1);
    Instant ended = at.plusSeconds(60);
    List<JobHistory.Line> lines = new ArrayList<>();
    lines.add(new JobHistory.Line(at, "submitted", "submitted by a user"));
    List<JobEvent> events =
        List.of(
            new JobEvent.Leased(List.of(GPU)),
            new JobEvent.Prepared(at),
            new JobEvent.Pulled("boot", Optional.empty(), Optional.empty()),
            new JobEvent.Made("container"),
            new JobEvent.Started(started, Optional.empty(), "boot", "c1", "c1@1"),
            new JobEvent.RunEnded(new Ending.Completed(), ended),
            new JobEvent.ContainerGone(ended),
            new JobEvent.GpusReleased(ended, ended, false, List.of(), List.of(), List.of()),
            new JobEvent.Synced(),
            new JobEvent.Uploaded(
                ended, Optional.of("model.zip"), new ArtifactPlace.Local(), List.of()));
    events.forEach(event -> lines.add(JobHistory.describe(event, ended)));
    lines.add(new JobHistory.Line(ended, "callback-delivered", "callback answered with HTTP 200"));
    lines.add(new JobHistory.Line(ended, "swept", "files removed: older than the retention time"));
    return lines;
  }
}
