package io.gpurunner.agent.cli.top;

import io.gpurunner.agent.cli.client.AgentRefusedException;
import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.CommandFailedException;
import io.gpurunner.agent.cli.client.Json;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Asks the agent, again and again, and carries out the user's orders to it. One thread runs it, and
 * another one gives the orders.
 */
final class Feeder {
  static final Duration LOOK_PAUSE = Duration.ofSeconds(2);

  /** How many jobs are asked for. The agent reads a limited number for all users at a time. */
  static final int MOST_JOBS = 200;

  /** Orders beyond so many are dropped, which a user cannot give while one call takes place. */
  static final int MOST_ORDERS = 16;

  private final ApiClient agent;
  private final Clock clock;
  private final Consumer<Event> heard;
  private final BlockingQueue<Action> orders = new ArrayBlockingQueue<>(MOST_ORDERS);
  private Optional<JobOutput> output = Optional.empty();

  Feeder(ApiClient agent, Clock clock, Consumer<Event> heard) {
    this.agent = agent;
    this.clock = clock;
    this.heard = heard;
  }

  /** Gives an order. Returns at once; false if too many orders wait. */
  boolean order(Action action) {
    return orders.offer(action);
  }

  /** Runs for ever. */
  void run() {
    try {
      while (true) {
        look();
        awaitOrder(isBehind() ? Duration.ZERO : LOOK_PAUSE).ifPresent(this::carryOut);
      }
    } catch (RuntimeException failure) {
      heard.accept(new Event.Crashed(failure));
    }
  }

  /** Returns whether more of an output can be read at once. */
  private boolean isBehind() {
    return output.filter(JobOutput::isBehind).isPresent();
  }

  private Optional<Action> awaitOrder(Duration atMost) {
    try {
      return Optional.ofNullable(orders.poll(atMost.toMillis(), TimeUnit.MILLISECONDS));
    } catch (InterruptedException impossible) {
      throw new IllegalStateException("nothing interrupts this thread", impossible);
    }
  }

  /** Asks for everything that is shown. */
  void look() {
    try {
      heard.accept(new Event.Came(picture()));
    } catch (CommandFailedException failure) {
      heard.accept(new Event.Failed(String.valueOf(failure.getMessage())));
    } catch (Error broken) {
      // Out of memory, for example. The picture is old then, and the next look may succeed.
      heard.accept(new Event.Failed("an error in this command: " + broken));
    }
    output.ifPresent(this::look);
  }

  private void look(JobOutput read) {
    try {
      read.look(agent);
      heard.accept(new Event.LogCame(read.job(), read.lines()));
    } catch (CommandFailedException failure) {
      heard.accept(new Event.LogFailed(read.job(), String.valueOf(failure.getMessage())));
    } catch (IOException broken) {
      heard.accept(new Event.LogFailed(read.job(), "the connection broke: " + broken.getMessage()));
    } catch (Error broken) {
      heard.accept(new Event.LogFailed(read.job(), "an error in this command: " + broken));
    }
  }

  /**
   * Asks for the GPUs and the jobs.
   *
   * @throws CommandFailedException if the agent does not answer, or refuses
   */
  Picture picture() {
    ApiClient.Answer gpus = agent.get("/api/gpus");
    ApiClient.Answer jobs = agent.get("/api/userJob?current=1&size=" + MOST_JOBS + "&state=live");
    return Picture.of(gpus.json(), jobs.json(), clock.instant());
  }

  /** Carries out an order. */
  void carryOut(Action order) {
    switch (order) {
      case Action.ReadLog log -> output = Optional.of(new JobOutput(log.job()));
      case Action.StopReading _ -> output = Optional.empty();
      case Action.Cancel cancel -> heard.accept(new Event.Said(cancelled(cancel.job())));
      case Action.Quit _, Action.Redraw _ ->
          throw new IllegalArgumentException("no order: " + order);
    }
  }

  private String cancelled(String job) {
    try {
      return job + ": " + agent.order("/api/userJob/job_del", Json.object().put("job_id", job));
    } catch (AgentRefusedException refused) {
      return refused.leavesOpen()
          ? notKnown(job, String.valueOf(refused.getMessage()))
          : job + " was not cancelled: " + refused.getMessage();
    } catch (CommandFailedException failure) {
      return notKnown(job, String.valueOf(failure.getMessage()));
    } catch (Error broken) {
      return notKnown(job, "an error in this command: " + broken);
    }
  }

  /** The order may have reached the agent before the connection broke. */
  private static String notKnown(String job, String why) {
    return "it is not known whether " + job + " is cancelled: " + why;
  }
}
