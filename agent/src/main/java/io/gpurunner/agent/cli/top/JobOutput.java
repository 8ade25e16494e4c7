package io.gpurunner.agent.cli.top;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.CommandFailedException;
import io.gpurunner.agent.cli.client.EventStream;
import io.gpurunner.agent.cli.client.Json;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/**
 * The end of a job's output. Each look reads only what the job has printed since the look before.
 * One thread uses it.
 */
final class JobOutput {
  /** How many lines are asked for at the first look. A line of a progress bar can be long. */
  static final int FIRST_LINES = 200;

  /** Older lines are dropped. */
  static final int MOST_LINES = 500;

  /** The end of a longer line is dropped. */
  static final int MOST_LINE_CHARACTERS = 4096;

  /** The characters that one look reads. The next look goes on from there. */
  static final int LOOK_CHARACTERS = 4 << 20;

  private final String job;
  private final Deque<String> lines = new ArrayDeque<>();
  private final StringBuilder open = new StringBuilder();
  private Optional<String> lastId = Optional.empty();
  private List<String> notes = List.of();
  private boolean behind;

  JobOutput(String job) {
    this.job = job;
  }

  String job() {
    return job;
  }

  /** Returns whether the last look has not read everything. */
  boolean isBehind() {
    return behind;
  }

  /**
   * Reads what has come since the last look.
   *
   * @throws CommandFailedException if the agent does not answer, or refuses
   * @throws IOException if the connection breaks; what has come is kept
   */
  void look(ApiClient agent) throws IOException {
    String first = lastId.isPresent() ? "" : "&tail=" + FIRST_LINES;
    List<String> noted = new ArrayList<>();
    behind = false;
    try (EventStream events =
        agent.events("/api/userJob/" + job + "/logs?follow=0" + first, lastId)) {
      long read = 0;
      Optional<EventStream.Event> event = events.next();
      while (event.isPresent() && !behind) {
        take(event.get(), noted);
        read += event.get().data().length();
        behind = read > LOOK_CHARACTERS;
        event = behind ? Optional.empty() : events.next();
      }
    }
    notes = noted;
  }

  /** Returns the lines, the oldest first. The last one may not have ended. */
  List<String> lines() {
    List<String> all = new ArrayList<>(lines);
    if (!open.isEmpty()) {
      all.add(shown());
    }
    return all;
  }

  private void take(EventStream.Event event, List<String> noted) {
    JsonNode data = Json.parse(event.data()).orElseGet(Json::object);
    String text = Json.text(data, "text").orElse("");
    switch (event.kind()) {
      case "log" -> {
        append(text);
        if (!Json.isTrue(data, "partial")) {
          endLine();
        }
      }
      case "gap" -> remark(text);
      case "note" -> {
        noted.add(text);
        // The agent sends at each look where the job stands.
        if (!notes.contains(text)) {
          remark(text);
        }
      }
      default -> {
        // The end of the job is in the list of jobs. A newer agent may send more.
      }
    }
    lastId = event.id().or(() -> lastId);
  }

  private void remark(String text) {
    if (!open.isEmpty()) {
      endLine();
    }
    open.append("[gpurunner: ").append(text).append(']');
    endLine();
  }

  private void endLine() {
    lines.add(shown());
    open.setLength(0);
    while (lines.size() > MOST_LINES) {
      lines.removeFirst();
    }
  }

  private String shown() {
    return open.toString().stripTrailing();
  }

  /** Adds to the last line what a terminal would show: a progress bar writes over its line. */
  private void append(String text) {
    open.append(text);
    int end = open.length();
    while (end > 0 && Character.isWhitespace(open.charAt(end - 1))) {
      end--;
    }
    open.delete(0, open.lastIndexOf("\r", end - 1) + 1);
    if (open.length() > MOST_LINE_CHARACTERS) {
      boolean writesOver = open.charAt(open.length() - 1) == '\r';
      open.setLength(MOST_LINE_CHARACTERS);
      open.append(writesOver ? "\r" : "");
    }
  }
}
