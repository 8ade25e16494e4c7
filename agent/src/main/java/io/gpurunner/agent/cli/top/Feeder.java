package io.gpurunner.agent.cli.top;

import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.CommandFailedException;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.api.ApiLimits;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Asks the agent, again and again, and carries out the user's orders to it. One thread runs it, and
 * another one gives the orders.
 */
final class Feeder {
  static final Duration LOOK_PAUSE = Duration.ofSeconds(2);

  /** How many lines at the end of an output are read. */
  static final int LOG_LINES = 500;

  /** Orders beyond so many are dropped, which a user cannot give while one call takes place. */
  static final int MOST_ORDERS = 16;

  private final ApiClient agent;
  private final Clock clock;
  private final Consumer<Event> heard;
  private final BlockingQueue<Action> orders = new ArrayBlockingQueue<>(MOST_ORDERS);
  private Optional<String> read = Optional.empty();

  Feeder(ApiClient agent, Clock clock, Consumer<Event> heard) {
    this.agent = agent;
    this.clock = clock;
    this.heard = heard;
  }

  /** Gives an order. Returns at once. */
  void order(Action action) {
    if (!orders.offer(action)) {
      heard.accept(new Event.Said("the agent is still busy with your last orders; try again"));
    }
  }

  /** Runs for ever. */
  void run() {
    try {
      while (true) {
        look();
        awaitOrder().ifPresent(this::carryOut);
      }
    } catch (RuntimeException failure) {
      heard.accept(new Event.Crashed(failure));
    }
  }

  private Optional<Action> awaitOrder() {
    try {
      return Optional.ofNullable(orders.poll(LOOK_PAUSE.toMillis(), TimeUnit.MILLISECONDS));
    } catch (InterruptedException impossible) {
      throw new IllegalStateException("nothing interrupts this thread", impossible);
    }
  }

  /** Asks for everything that is shown. */
  void look() {
    try {
      heard.accept(new Event.Came(picture()));
      if (read.isPresent()) {
        heard.accept(new Event.LogCame(read.get(), log(read.get())));
      }
    } catch (CommandFailedException failure) {
      heard.accept(new Event.Failed(String.valueOf(failure.getMessage())));
    }
  }

  /**
   * Asks for the GPUs and the jobs.
   *
   * @throws CommandFailedException if the agent does not answer, or refuses
   */
  Picture picture() {
    ApiClient.Answer gpus = agent.get("/api/gpus");
    ApiClient.Answer jobs =
        agent.get("/api/userJob?current=1&size=" + ApiLimits.MAX_PAGE_SIZE + "&state=live");
    return Picture.of(gpus.json(), jobs.json(), clock.instant());
  }

  private List<String> log(String job) {
    String text = agent.get("/api/userJob/" + job + "/logs?follow=0&tail=" + LOG_LINES).text();
    return Stream.of(text.split("\n", 0)).map(Feeder::lastState).toList();
  }

  /** Returns what a terminal would show of a line that a progress bar writes again and again. */
  private static String lastState(String line) {
    String written = line.stripTrailing();
    return written.substring(written.lastIndexOf('\r') + 1);
  }

  /** Carries out an order. */
  void carryOut(Action order) {
    switch (order) {
      case Action.ReadLog log -> read = Optional.of(log.job());
      case Action.StopReading _ -> read = Optional.empty();
      case Action.Cancel cancel -> heard.accept(new Event.Said(cancelled(cancel.job())));
      case Action.Quit _, Action.Redraw _ ->
          throw new IllegalArgumentException("no order: " + order);
    }
  }

  private String cancelled(String job) {
    try {
      return job + ": " + agent.order("/api/userJob/job_del", Json.object().put("job_id", job));
    } catch (CommandFailedException failure) {
      return job + " was not cancelled: " + failure.getMessage();
    }
  }
}
