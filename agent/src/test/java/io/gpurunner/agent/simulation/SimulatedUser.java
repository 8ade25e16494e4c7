package io.gpurunner.agent.simulation;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.agent.ledger.LedgerException;
import io.gpurunner.api.Caller;
import io.gpurunner.api.JobFilter;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobRequest;
import io.gpurunner.api.Jobs;
import io.gpurunner.api.RequestRefusedException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** A user who creates jobs, asks for their status, and deletes some. One thread. */
final class SimulatedUser {
  /** The size of a list. No user has that many jobs. */
  private static final int LISTED = 100;

  private final Simulation simulation;
  private final Dice dice;
  private final Timeline timeline;
  private final Caller caller;
  private final List<JobId> jobs = new ArrayList<>();
  private final int wants;
  private int sent;

  /** The number of orders, including those that were refused. */
  private int orders;

  /** A request whose answer was lost. */
  private Optional<Order> open = Optional.empty();

  /** Orders with a key that were answered. */
  private final List<Order> answered = new ArrayList<>();

  private record Order(JobRequest request, Optional<String> key) {
    /** No other order has this name. */
    String name() {
      return request.name().orElseThrow();
    }

    String body() {
      return "{\"name\":\"%s\"}".formatted(name());
    }
  }

  SimulatedUser(Simulation simulation, String name) {
    this.simulation = simulation;
    this.dice = simulation.dice;
    this.timeline = simulation.timeline;
    this.caller = new Caller(name, false);
    this.wants = dice.between(1, 4);
  }

  OptionalLong turn() {
    Optional<Jobs> desk = simulation.agent().flatMap(SimulatedAgent::desk);
    if (desk.isPresent()) {
      try {
        act(desk.get());
      } catch (RequestRefusedException e) {
        say("is refused: " + e.getMessage());
      } catch (LedgerException e) {
        say("is told " + e.kind());
      }
    }
    boolean busy = !simulation.isCalm() && !isDone();
    return OptionalLong.of(dice.micros(0, (busy ? 20 : 120) * Timeline.SECOND));
  }

  /** Returns whether the user wants no more jobs, and all jobs have ended. */
  boolean isDone() {
    return open.isEmpty()
        && sent >= wants
        && jobs.stream().allMatch(id -> simulation.truth(id).isFinal());
  }

  private void act(Jobs desk) {
    if (open.isPresent()) {
      send(desk, open.get());
    } else if (!answered.isEmpty() && dice.percent(5)) {
      send(desk, dice.pick(answered)); // repeats what was answered
    } else if (sent < wants && !simulation.isCalm() && dice.percent(60)) {
      sent++;
      orders++;
      Optional<String> key = dice.percent(50) ? Optional.of("key-" + orders) : Optional.empty();
      send(desk, new Order(request(), key));
    } else if (!jobs.isEmpty()) {
      List<JobId> live = jobs.stream().filter(id -> !simulation.truth(id).isFinal()).toList();
      JobId id = dice.pick(live.isEmpty() || dice.percent(20) ? jobs : live);
      int what = dice.below(100);
      if (what < 55) {
        ask(desk, id);
      } else if (what < 60) {
        desk.detail(caller, id);
      } else if (what < 65) {
        list(desk);
      } else if (what < 80) {
        delete(desk, id);
      } else if (simulation.truth(id).seen.isPresent()) {
        retryUpload(desk, id);
      }
    }
  }

  private JobRequest request() {
    String product = dice.pick(simulation.machine.devices).product;
    long count =
        simulation.machine.devices.stream()
            .filter(device -> device.product.equals(product))
            .count();
    Requests request =
        Requests.simple()
            .name("order %d of %s".formatted(orders, caller.user()))
            .type(product.replace(' ', '-'))
            .gpus(dice.below((int) count + 1))
            .volumes(dice.pick(List.of(50L, 100L, 100L, 150L)))
            .retries(dice.percent(50) ? 0 : dice.between(1, 2))
            .priority(-dice.below(3));
    if (dice.percent(40)) {
      request.gracePeriod(Duration.ofSeconds(dice.between(0, 90)));
    }
    if (dice.percent(30)) {
      request.stopAfter(Duration.ofMinutes(dice.between(1, 2)));
    }
    if (dice.percent(70)) {
      request.callback(
          URI.create(
              "http://%s/of-%s-%d"
                  .formatted(
                      dice.percent(10) ? SimulatedReceiver.DEAF : "hears", caller.user(), orders)));
    }
    List<JobId> ended = jobs.stream().filter(id -> simulation.truth(id).isFinal()).toList();
    if (!ended.isEmpty() && dice.percent(30)) {
      request.resumeFrom(dice.pick(ended));
    }
    return request.build();
  }

  private void send(Jobs desk, Order order) {
    // Until it is answered, it may have been recorded.
    open = order.key().isPresent() ? Optional.of(order) : Optional.empty();
    simulation.invariants.sent();
    JobId id;
    try {
      id = createdBefore(desk, order).orElseGet(() -> create(desk, order));
    } catch (RequestRefusedException e) {
      if (e.kind() == RequestRefusedException.Kind.CONFLICT
          || e.kind() == RequestRefusedException.Kind.UNAVAILABLE) {
        open = Optional.empty();
        if (e.kind() == RequestRefusedException.Kind.UNAVAILABLE) {
          sent--;
        }
        simulation.invariants.refused();
      }
      throw e;
    }
    open = Optional.empty();
    say("is answered " + id.value().substring(2, 10));
    if (!jobs.contains(id)) {
      jobs.add(id);
    }
    if (order.key().isPresent()) {
      answered.add(order);
      simulation.invariants.keyAnswered(order.name(), id);
    }
    simulation.invariants.answered(id);
  }

  /** Looks for the key before the request is judged, as the API does. */
  private Optional<JobId> createdBefore(Jobs desk, Order order) {
    return dice.percent(50)
        ? order.key().flatMap(key -> desk.createdBefore(caller, key, order.body()))
        : Optional.empty();
  }

  private JobId create(Jobs desk, Order order) {
    return desk.create(caller, order.request(), order.body(), order.key());
  }

  /**
   * Sends all orders again that were answered and have a key. The only right answer is the same
   * one.
   */
  void sendAllAgain(Jobs desk) {
    // A copy: this user may have turns meanwhile, and get more answers.
    for (Order order : List.copyOf(answered)) {
      try {
        simulation.invariants.keyAnswered(order.name(), create(desk, order));
      } catch (RequestRefusedException e) {
        // Readiness may not have looked since something failed in the storm.
        simulation.invariants.require(
            String.valueOf(e.getMessage()).startsWith("not ready to take jobs"),
            "the same key and body were answered, and then refused: " + e.getMessage());
      }
    }
  }

  private void ask(Jobs desk, JobId id) {
    simulation.invariants.told(id, desk.status(caller, id));
  }

  private void list(Jobs desk) {
    List<Job> before = jobs.stream().flatMap(id -> simulation.ledger.find(id).stream()).toList();
    simulation.invariants.listed(before, desk.list(caller, JobFilter.ALL, 1, LISTED));
  }

  private void delete(Jobs desk, JobId id) {
    JobTruth truth = simulation.truth(id);
    truth.deletionAsked = true;
    String answer = desk.delete(caller, id);
    say("deletes " + truth.name() + ": " + answer);
    simulation.invariants.deletionAnswered(id, answer);
  }

  private void retryUpload(Jobs desk, JobId id) {
    JobTruth truth = simulation.truth(id);
    boolean failed = truth.isFinal();
    if (!failed) {
      return;
    }
    boolean before = truth.uploadResumed;
    truth.uploadResumed = true; // it may be recorded though no answer comes
    try {
      String answer = desk.retryUpload(caller, id);
      say("has " + truth.name() + " uploaded again: " + answer);
    } catch (RequestRefusedException e) {
      truth.uploadResumed = before;
      throw e;
    }
  }

  private void say(String what) {
    if (timeline.isTold()) {
      timeline.tell(caller.user(), what);
    }
  }
}
