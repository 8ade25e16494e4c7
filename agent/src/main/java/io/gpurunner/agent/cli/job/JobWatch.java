package io.gpurunner.agent.cli.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpurunner.agent.cli.client.AgentRefusedException;
import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.CommandFailedException;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.client.Surroundings;
import io.gpurunner.agent.cli.client.UnreachableException;
import io.gpurunner.agent.cli.terminal.Ages;
import io.gpurunner.agent.cli.terminal.LivingLine;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Waits for the end of a job, and shows what the job does meanwhile on standard error. One thread
 * waits; {@link #detach} may be called by another one.
 */
final class JobWatch {
  static final Duration LOOK_PAUSE = Duration.ofSeconds(2);

  /** How long the agent may be away, for example for an update, before the wait ends. */
  static final Duration AWAY_LIMIT = Duration.ofMinutes(10);

  private final ApiClient agent;
  private final String id;
  private final Surroundings around;
  private final LivingLine line;
  private final AtomicBoolean ended = new AtomicBoolean();

  /** What the agent has said last. */
  private Optional<ApiClient.Answer> said = Optional.empty();

  JobWatch(ApiClient agent, String id, Surroundings around) {
    this.agent = agent;
    this.id = id;
    this.around = around;
    this.line = new LivingLine(around.console());
  }

  /**
   * Waits.
   *
   * @param limit how long to wait at most; for ever if empty
   * @param known what the agent has said just now, if it was asked
   * @return the exit status: how the job ended, or that the time is over
   * @throws CommandFailedException if the agent refuses, or is away for too long
   */
  int await(Optional<Duration> limit, Optional<ApiClient.Answer> known) {
    Instant begin = around.clock().instant();
    AwayTime away = new AwayTime(around.clock());
    Optional<ApiClient.Answer> next = known;
    while (true) {
      Instant now = around.clock().instant();
      try {
        ApiClient.Answer answer = next.orElseGet(() -> agent.get("/api/userJob/" + id));
        next = Optional.empty();
        JobView job = new JobView(answer.json());
        said = Optional.of(answer);
        away.end();
        if (job.hasEnded()) {
          return tellEnd(job);
        }
        show(job, now);
      } catch (UnreachableException | AgentRefusedException failure) {
        requirePassing(failure, away.passed());
      }
      if (limit.filter(most -> !now.isBefore(begin.plus(most))).isPresent()) {
        line.end();
        around.console().say("The time to wait is over, and the job goes on. " + way());
        return ExitStatus.TIMED_OUT;
      }
      around.pause().accept(LOOK_PAUSE);
    }
  }

  /** Returns what the agent has said last about the job, if it has answered. */
  Optional<ApiClient.Answer> said() {
    return said;
  }

  private void requirePassing(CommandFailedException failure, Duration away) {
    boolean passes = !(failure instanceof AgentRefusedException refused) || refused.mayPass();
    if (!passes || away.compareTo(AWAY_LIMIT) >= 0) {
      line.end();
      throw failure;
    }
    line.show("no answer for " + Ages.words(away) + "; asking again", "away");
  }

  private void show(JobView job, Instant now) {
    String details =
        switch (job.state()) {
          case "QUEUED" -> queued(job, now) + reason(job);
          case "RUNNING" -> running(job, now) + reason(job);
          default -> reason(job);
        };
    // Where each change is a line of its own, a progress is no change.
    String key = job.state() + job.place().orElse("") + reason(job).replaceAll("[0-9.]+", "");
    line.show(job.stateWord() + details, key);
  }

  private static String reason(JobView job) {
    return job.reason().map(why -> ": " + why).orElse("");
  }

  private static String queued(JobView job, Instant now) {
    return job.place().map(place -> ", " + place).orElse("")
        + job.latestStart(now).map(start -> ", " + start).orElse("");
  }

  private static String running(JobView job, Instant now) {
    String since =
        job.time("startedAt")
            .map(start -> " for " + Ages.words(Duration.between(start, now)))
            .orElse("");
    List<String> use =
        Json.items(job.json(), "gpuUse").stream()
            .map(JobWatch::recentUse)
            .flatMap(Optional::stream)
            .toList();
    String stop =
        job.time("deadline")
            .map(time -> ", stops in " + Ages.words(Duration.between(now, time)))
            .orElse("");
    return since + (use.isEmpty() ? "" : ", GPU use " + String.join(", ", use)) + stop;
  }

  private static Optional<String> recentUse(JsonNode gpu) {
    OptionalLong percent = Json.number(gpu, "recentPercent");
    return percent.isPresent() ? Optional.of(percent.getAsLong() + " %") : Optional.empty();
  }

  private int tellEnd(JobView job) {
    line.end();
    String time =
        job.time("startedAt")
            .flatMap(
                start ->
                    job.time("finishedAt")
                        .map(end -> " after " + Ages.words(Duration.between(start, end))))
            .orElse("");
    String what = job.stateWord() + time + reason(job);
    if (job.hasSucceeded()) {
      around.console().say(what + job.url().map(url -> ": " + url).orElse(", without artifacts"));
      Json.texts(job.json(), "warnings")
          .forEach(warning -> around.console().say("warning: " + warning));
      return ExitStatus.DONE;
    }
    around.console().say(what);
    around.console().say("See its output with: gpurunner logs " + id);
    return ExitStatus.FAILED;
  }

  /**
   * Says that the job goes on. The hook of Java's end calls it, which Ctrl-C brings about. After
   * {@link #end} it does nothing.
   */
  void detach() {
    if (!ended.getAndSet(true)) {
      line.end();
      around.console().say("Detached, and the job goes on. " + way());
    }
  }

  /** The wait is over. */
  void end() {
    ended.set(true);
    line.end();
  }

  private String way() {
    return "See it with: gpurunner status --wait " + id;
  }
}
