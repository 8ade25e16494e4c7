package io.gpurunner.agent.cli.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpurunner.agent.cli.client.AgentRefusedException;
import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.CommandFailedException;
import io.gpurunner.agent.cli.client.EventStream;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.client.Surroundings;
import io.gpurunner.agent.cli.client.UnreachableException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Optional;

/**
 * Prints a job's output as the agent sends it. If the connection breaks, it goes on after the last
 * line that has come. One thread uses it.
 */
final class LogFollower {
  /** The longest pause before a broken connection is opened again. */
  static final Duration LONGEST_PAUSE = Duration.ofSeconds(10);

  /** How long the agent may be away before the command ends. */
  static final Duration AWAY_LIMIT = Duration.ofMinutes(10);

  private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);

  private final ApiClient agent;
  private final Surroundings around;
  private final LogSelection selection;
  private final LogPrinter out;

  private Optional<Instant> firstAsked = Optional.empty();
  private boolean begun;
  private Optional<String> lastId = Optional.empty();
  private String lastNote = "";

  LogFollower(ApiClient agent, Surroundings around, LogSelection selection) {
    this.agent = agent;
    this.around = around;
    this.selection = selection;
    this.out = new LogPrinter(around.console(), selection.raw());
  }

  /** What became of one connection. */
  private enum Outcome {
    /** The agent has sent everything. */
    COMPLETE,
    /** Nothing more can be printed: nobody reads it, or the disk is full. */
    UNREAD,
    /** The connection broke after some events. */
    BROKEN,
    /** The connection broke before any event. */
    SILENT
  }

  /**
   * Prints until the end.
   *
   * @return the exit status
   * @throws CommandFailedException if the agent refuses, or is away for too long
   */
  int run() {
    out.finishAtExit();
    try {
      return goOn();
    } finally {
      out.finish();
    }
  }

  private int goOn() {
    AwayTime away = new AwayTime(around.clock());
    Duration pause = FIRST_PAUSE;
    boolean first = true;
    while (true) {
      Instant opened = around.clock().instant();
      try {
        Outcome outcome = connection();
        if (outcome == Outcome.COMPLETE || outcome == Outcome.UNREAD) {
          return outcome == Outcome.COMPLETE ? ExitStatus.DONE : ExitStatus.FAILED;
        }
        Duration open = Duration.between(opened, around.clock().instant());
        begun |= outcome == Outcome.BROKEN || open.compareTo(FIRST_PAUSE) >= 0;
        // A job may print nothing for hours. That does not mean that the agent is away.
        if (outcome == Outcome.BROKEN || open.compareTo(LONGEST_PAUSE) >= 0) {
          away.end();
          pause = FIRST_PAUSE;
        }
        requireTime(away, new CommandFailedException(ExitStatus.UNREACHABLE, brokenWords()));
      } catch (UnreachableException | AgentRefusedException failure) {
        boolean passes = !(failure instanceof AgentRefusedException refused) || refused.mayPass();
        if (first || !passes) {
          throw failure;
        }
        requireTime(away, failure);
      }
      first = false;
      around.pause().accept(pause);
      pause =
          pause.multipliedBy(2).compareTo(LONGEST_PAUSE) < 0
              ? pause.multipliedBy(2)
              : LONGEST_PAUSE;
    }
  }

  private String brokenWords() {
    return "the connection to " + agent.address().url() + " broke; " + agent.address().checks();
  }

  private void requireTime(AwayTime away, CommandFailedException failure) {
    if (away.passed().compareTo(AWAY_LIMIT) >= 0) {
      throw failure;
    }
    note("the connection broke; connecting again");
  }

  private Outcome connection() {
    boolean any = false;
    try (EventStream events = agent.events(path(), lastId)) {
      while (true) {
        Optional<EventStream.Event> event = events.next();
        if (event.isEmpty()) {
          out.flush();
          return !out.isRead() ? Outcome.UNREAD : endsHere() ? Outcome.COMPLETE : broken(any);
        }
        any = true;
        boolean last = isLast(event.get());
        if (last || !out.isRead()) {
          out.flush();
          return out.isRead() ? Outcome.COMPLETE : Outcome.UNREAD;
        }
        if (events.mayWait()) {
          out.flush();
        }
      }
    } catch (IOException gone) {
      out.flush();
      return broken(any);
    }
  }

  /** Returns the path of the next request. If a first one fails, there is no second one. */
  private String path() {
    if (lastId.isPresent()) {
      return selection.path();
    }
    Instant now = around.clock().instant();
    if (firstAsked.isPresent()) {
      return selection.again(Duration.between(firstAsked.get(), now), begun);
    }
    firstAsked = Optional.of(now);
    return selection.first();
  }

  /** Returns whether the agent may end the stream without saying how the job ended. */
  private boolean endsHere() {
    return !selection.follow() || selection.oneRun();
  }

  private static Outcome broken(boolean any) {
    return any ? Outcome.BROKEN : Outcome.SILENT;
  }

  /** Prints an event, and returns whether it is the last one. */
  private boolean isLast(EventStream.Event event) {
    JsonNode data = Json.parse(event.data()).orElseGet(Json::object);
    String text = Json.text(data, "text").orElse("");
    switch (event.kind()) {
      case "log" -> {
        lastNote = "";
        out.print(printed(data, text), !Json.isTrue(data, "partial"));
      }
      case "gap", "note" -> note(text);
      case "end" -> {
        out.finish();
        if (selection.follow()) {
          note(end(data));
        }
        return true;
      }
      default -> {
        // A newer agent may send more.
      }
    }
    if (event.id().isPresent()) {
      lastId = event.id();
    }
    return false;
  }

  /** Returns the output of an event. Its text is not all of it where it is no UTF-8. */
  private static byte[] printed(JsonNode data, String text) {
    try {
      return Json.text(data, "bytes")
          .map(Base64.getDecoder()::decode)
          .orElseGet(() -> text.getBytes(StandardCharsets.UTF_8));
    } catch (IllegalArgumentException notBase64) {
      return text.getBytes(StandardCharsets.UTF_8);
    }
  }

  /** Says how the job ended. Its files are published before the agent says so. */
  private String end(JsonNode data) {
    JobView job = new JobView(data);
    String ended = "job " + selection.job() + " " + job.stateWord();
    return job.hasSucceeded()
        ? ended + "; see what it has published with: gpurunner artifacts " + selection.job()
        : ended + job.reason().map(why -> ": " + why).orElse("");
  }

  /** Prints what is not output. The same note again, as after a broken connection, says nothing. */
  private void note(String text) {
    if (!text.equals(lastNote)) {
      out.flush();
      String apart = out.isInLine() && around.console().errIsTerminal() ? "\n" : "";
      around.console().err().print(apart);
      around.console().say("-- " + text);
      lastNote = text;
    }
  }
}
