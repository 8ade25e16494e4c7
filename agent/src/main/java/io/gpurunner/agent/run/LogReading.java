package io.gpurunner.agent.run;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.log.LogEntry;
import io.gpurunner.agent.log.LogReader;
import io.gpurunner.api.JobId;
import io.gpurunner.api.LogQuery;
import io.gpurunner.api.Logs.Batch;
import io.gpurunner.api.Logs.Next;
import io.gpurunner.api.Logs.Piece;
import io.gpurunner.api.Logs.Reading;
import io.gpurunner.api.RequestRefusedException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A reading of a job's output, run after run. Between the runs, and while there is no output yet,
 * it tells where the job stands. For one thread at a time.
 */
final class LogReading implements Reading {
  /** The time between two looks at a job that has no output yet: its pull makes progress. */
  private static final Duration NEWS_INTERVAL = Duration.ofSeconds(1);

  private final JobId id;
  private final LogQuery query;
  private final JobDesk desk;
  private final JobLedger ledger;
  private final RunOutputs outputs;
  private final Optional<byte[]> grep;

  private int attempt;
  private OptionalLong from;
  private Optional<LogReader> reader = Optional.empty();
  private long linesLeft;
  private boolean anything;
  private String noted = "";
  private long seenVersion;
  private boolean hasNews;
  private long readAtNanos;

  LogReading(Job job, LogQuery query, JobDesk desk, JobLedger ledger, RunOutputs outputs) {
    this.id = job.id();
    this.query = query;
    this.desk = desk;
    this.ledger = ledger;
    this.outputs = outputs;
    this.grep = query.grep().map(text -> text.getBytes(UTF_8));
    this.linesLeft = query.lines().orElse(Integer.MAX_VALUE);
    this.attempt = firstRun(job);
    this.from = startIn(attempt);
  }

  private int firstRun(Job job) {
    int last = outputs.lastRun(job);
    int first =
        query.after().map(LogQuery.Place::attempt).orElseGet(() -> query.attempt().orElse(0));
    if (first > last) {
      throw new RequestRefusedException(
          RequestRefusedException.Kind.BAD_REQUEST,
          "attempt: must be at most %d, the number of the job's last run, was %d"
              .formatted(last, first));
    }
    if (first > 0) {
      return first;
    }
    return query.tail().isPresent() ? Math.min(last, outputs.lastKept()) : 1;
  }

  private OptionalLong startIn(int run) {
    try {
      if (query.after().isPresent()) {
        return OptionalLong.of(query.after().get().seq() + 1);
      }
      return query.tail().isPresent() && outputs.exists(run)
          ? OptionalLong.of(
              LogReader.startOfLast(
                  query.tail().getAsInt(), outputs.directory(run), query.stderr()))
          : query.from();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public boolean isReady() {
    Optional<Job> live = ledger.findLive(id);
    if (live.isEmpty() || live.get().version() != seenVersion) {
      return true;
    }
    OptionalLong end = outputs.end(attempt);
    long position = reader.map(LogReader::position).orElse(0L);
    return (end.isPresent() && end.getAsLong() > position)
        || (hasNews && System.nanoTime() - readAtNanos > NEWS_INTERVAL.toNanos());
  }

  @Override
  public Batch read() {
    readAtNanos = System.nanoTime();
    // The job is read before its output. So if its run is over, its whole output is read.
    Job job = ledger.findLive(id).or(() -> ledger.find(id)).orElseThrow();
    seenVersion = job.version();
    List<Piece> pieces = new ArrayList<>();
    try {
      return new Batch(pieces, readInto(pieces, job));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Next readInto(List<Piece> pieces, Job job) throws IOException {
    if (reader.isEmpty() && outputs.exists(attempt)) {
      reader =
          Optional.of(
              LogReader.from(
                  outputs.directory(attempt), from.orElse(0), query.since(), query.stderr()));
    }
    if (reader.isPresent()) {
      LogReader.Batch batch = reader.get().read();
      batch.entries().forEach(entry -> add(entry, pieces));
      if (linesLeft <= 0) {
        return Next.END;
      }
      if (batch.more()) {
        return Next.READ;
      }
    }
    boolean isComplete = reader.filter(LogReader::isAtEnd).isPresent();
    return isComplete || RunOutputs.isOver(job, attempt)
        ? afterRun(pieces, job)
        : waiting(pieces, job);
  }

  private void add(LogEntry entry, List<Piece> pieces) {
    if (linesLeft <= 0
        || (!entry.isGap() && grep.filter(text -> !contains(entry, text)).isPresent())) {
      return;
    }
    anything = true;
    if (entry.isGap()) {
      pieces.add(new Piece.Gap(attempt, entry.seq(), words(entry)));
      return;
    }
    pieces.add(
        new Piece.Printed(
            attempt,
            entry.seq(),
            entry.at(),
            entry.isStderr() ? "stderr" : "stdout",
            entry.isPartial(),
            entry.bytes()));
    if (!entry.isPartial()) {
      linesLeft--;
    }
  }

  private static boolean contains(LogEntry entry, byte[] text) {
    byte[] line = entry.bytes();
    for (int start = 0; start + text.length <= line.length; start++) {
      int at = 0;
      while (at < text.length && line[start + at] == text[at]) {
        at++;
      }
      if (at == text.length) {
        return true;
      }
    }
    return false;
  }

  /** Returns the sentence of a gap without the brackets that it has in the log. */
  private static String words(LogEntry gap) {
    String line = new String(gap.bytes(), UTF_8).strip();
    return line.replaceFirst("^\\[gpurunner: ", "").replaceFirst("\\]$", "");
  }

  /** Goes on after a run whose whole output was read. */
  private Next afterRun(List<Piece> pieces, Job job) {
    boolean isLast = query.attempt().isPresent() || attempt >= outputs.lastRun(job);
    if (!isLast) {
      pieces.add(
          new Piece.Note(
              "run %d is over; what follows is of run %d".formatted(attempt, attempt + 1)));
      attempt++;
      from = OptionalLong.empty();
      reader = Optional.empty();
      return Next.READ;
    }
    if (job.state() instanceof JobState.Final) {
      if (!anything && job.files() != JobFiles.KEPT) {
        pieces.add(new Piece.Note("the output of this job is no longer kept"));
      }
      pieces.add(
          new Piece.Ended(
              job.state().label(),
              job.state() instanceof JobState.Succeeded
                  ? Optional.empty()
                  : desk.explained(job, Optional.empty())));
      return Next.END;
    }
    return query.attempt().isPresent() ? Next.END : waiting(pieces, job);
  }

  /** Tells where a job stands whose output is read so far. */
  private Next waiting(List<Piece> pieces, Job job) {
    hasNews = !(job.state() instanceof JobState.Running);
    String standing = JobStanding.of(job, desk);
    if ((query.follow() || !anything) && !standing.equals(noted)) {
      noted = standing;
      if (!standing.isEmpty()) {
        pieces.add(new Piece.Note(standing));
      }
    }
    return query.follow() ? Next.WAIT : Next.END;
  }
}
