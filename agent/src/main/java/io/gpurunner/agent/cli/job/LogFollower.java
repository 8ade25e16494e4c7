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
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
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
  private static final int BUFFER_BYTES = 64 << 10;

  private final ApiClient agent;
  private final Surroundings around;
  private final String path;
  private final String tail;
  private final boolean follow;
  private final BufferedOutputStream out;

  private Optional<String> lastId = Optional.empty();
  private String lastNote = "";

  /**
   * @param tail the parameter that limits what comes at first; it must not limit what comes after a
   *     broken connection
   */
  LogFollower(ApiClient agent, Surroundings around, String path, String tail, boolean follow) {
    this.agent = agent;
    this.around = around;
    this.path = path;
    this.tail = tail;
    this.follow = follow;
    this.out = new BufferedOutputStream(around.console().rawOut(), BUFFER_BYTES);
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
    Instant seen = around.clock().instant();
    Duration pause = FIRST_PAUSE;
    boolean first = true;
    while (true) {
      Instant opened = around.clock().instant();
      try {
        Outcome outcome = connection();
        if (outcome == Outcome.COMPLETE || outcome == Outcome.UNREAD) {
          return outcome == Outcome.COMPLETE ? ExitStatus.DONE : ExitStatus.FAILED;
        }
        Instant now = around.clock().instant();
        // A job may print nothing for hours, and the agent is there all the same.
        boolean lasted = Duration.between(opened, now).compareTo(LONGEST_PAUSE) >= 0;
        if (outcome == Outcome.BROKEN || lasted) {
          seen = now;
          pause = FIRST_PAUSE;
        }
        requireTime(seen, new CommandFailedException(ExitStatus.UNREACHABLE, brokenWords()));
      } catch (UnreachableException | AgentRefusedException failure) {
        boolean passes = !(failure instanceof AgentRefusedException refused) || refused.mayPass();
        if (first || !passes) {
          throw failure;
        }
        requireTime(seen, failure);
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

  private void requireTime(Instant seen, CommandFailedException failure) {
    Duration away = Duration.between(seen, around.clock().instant());
    if (away.compareTo(AWAY_LIMIT) >= 0) {
      throw failure;
    }
    note("the connection broke; connecting again");
  }

  private Outcome connection() {
    String from = lastId.isPresent() ? path : path + tail;
    boolean any = false;
    try (EventStream events = agent.events(from, lastId)) {
      while (true) {
        Optional<EventStream.Event> event = events.next();
        if (event.isEmpty()) {
          flush();
          return !isRead() ? Outcome.UNREAD : follow ? broken(any) : Outcome.COMPLETE;
        }
        any = true;
        boolean last = isLast(event.get());
        if (last || !isRead()) {
          flush();
          return isRead() ? Outcome.COMPLETE : Outcome.UNREAD;
        }
        if (events.mayWait()) {
          flush();
        }
      }
    } catch (IOException gone) {
      flush();
      return broken(any);
    }
  }

  /** Returns whether somebody reads what is printed. */
  private boolean isRead() {
    return !around.console().rawOut().checkError();
  }

  private static Outcome broken(boolean any) {
    return any ? Outcome.BROKEN : Outcome.SILENT;
  }

  /** Prints an event, and returns whether it is the last one. */
  private boolean isLast(EventStream.Event event) throws IOException {
    JsonNode data = Json.parse(event.data()).orElseGet(Json::object);
    String text = Json.text(data, "text").orElse("");
    switch (event.kind()) {
      case "log" -> {
        lastNote = "";
        out.write(text.getBytes(StandardCharsets.UTF_8));
        if (!Json.isTrue(data, "partial")) {
          out.write('\n');
        }
      }
      case "gap", "note" -> note(text);
      case "end" -> {
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

  /** Prints what is not output. The same note again, as after a broken connection, says nothing. */
  private void note(String text) {
    if (!text.equals(lastNote)) {
      flush();
      around.console().say("-- " + text);
      lastNote = text;
    }
  }

  private void flush() {
    try {
      out.flush();
    } catch (IOException impossible) {
      throw new CommandFailedException("standard output: " + impossible.getMessage(), impossible);
    }
  }
}
