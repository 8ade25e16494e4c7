package io.gpurunner.agent.simulation;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The time, and the order of turns. Chance picks one of the actors that are due. While one waits in
 * a call, others have their turns, so every call may find the world changed. One thread.
 */
final class Timeline {
  static final long MILLI = 1_000;
  static final long SECOND = 1_000_000;
  static final long MINUTE = 60 * SECOND;

  /** The largest number of turns within turns. */
  static final int DEPTH_LIMIT = 3;

  /** More turns than any seed needs. */
  private static final long TURN_LIMIT = 200_000;

  /**
   * The longest time of a call within another call that it would outlast. The outer one has a
   * limit, too.
   */
  private static final long NESTED_LIMIT = SECOND / 2;

  private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");

  private final Dice dice;
  private final Story story;
  private final List<Actor> actors = new ArrayList<>();
  private final Runnable afterTurn;
  private long now;
  private long wallOffset;
  private boolean clockWasSet;
  private long setForward;
  private int depth;
  private long turns;

  /**
   * The end of the call in which others have their turns now. It is in the past if there is no such
   * call.
   */
  private long outerUntil;

  /**
   * @param afterTurn called after each turn
   */
  Timeline(Dice dice, Story story, Runnable afterTurn) {
    this.dice = dice;
    this.story = story;
    this.afterTurn = afterTurn;
  }

  /** Returns the microseconds since the simulation began. No jump of the clock changes them. */
  long now() {
    return now;
  }

  long turns() {
    return turns;
  }

  int depth() {
    return depth;
  }

  /** Returns whether the machine's clock was ever set. */
  boolean clockWasSet() {
    return clockWasSet;
  }

  /** Returns by how many microseconds the machine's clock was set forward in all. */
  long setForward() {
    return setForward;
  }

  Instant wall() {
    return START.plus(now + wallOffset, ChronoUnit.MICROS);
  }

  void jump(long micros) {
    wallOffset += micros;
    clockWasSet = true;
    setForward += Math.max(0, micros);
  }

  void tell(String who, String what) {
    story.tell(now, depth, who, what);
  }

  boolean isTold() {
    return story.isTold();
  }

  // ---- actors

  Actor add(String name, boolean ofAgent, long delay, Actor.Turn turn) {
    Actor actor = new Actor(name, ofAgent, now + delay, turn);
    actors.add(actor);
    return actor;
  }

  /** Adds something that happens once. */
  void once(String name, boolean ofAgent, long delay, Runnable what) {
    add(
        name,
        ofAgent,
        delay,
        () -> {
          what.run();
          return OptionalLong.empty();
        });
  }

  /** Makes the actor's next turn due now, or right after the turn that it is making. */
  void ring(Actor actor) {
    actor.rung = true;
    actor.nextAt = Math.min(actor.nextAt, now);
  }

  /** Removes the loops of an agent that died. */
  void removeAgent() {
    actors.removeIf(actor -> actor.ofAgent);
  }

  // ---- time

  /** Makes turns until that time, or until it is over. */
  void run(long until, BooleanSupplier over) {
    while (!over.getAsBoolean()) {
      Actor next = due();
      if (next != null) {
        make(next);
        if (depth > 0 && now >= until) {
          return; // what is due now has its turn later
        }
      } else {
        long earliest = earliest();
        if (earliest > until) {
          now = Math.max(now, until);
          return;
        }
        now = earliest;
      }
    }
  }

  /** Within a turn, lets some of the actors that are due come first. */
  void interleave(int count, BooleanSupplier over) {
    if (depth >= DEPTH_LIMIT) {
      return;
    }
    within(
        0,
        () -> {
          for (int i = 0; i < count && !over.getAsBoolean(); i++) {
            Actor next = due();
            if (next == null) {
              return;
            }
            make(next);
          }
        });
  }

  /**
   * Within a turn, lets time pass while others have their turns. Less time passes than asked for if
   * the outer call, which goes on only after this one, would last too long, or if too many calls
   * would be within calls.
   */
  void pass(long micros, BooleanSupplier over) {
    if (depth >= DEPTH_LIMIT) {
      now += Math.min(micros, NESTED_LIMIT);
      return;
    }
    long longest = depth <= 1 ? Long.MAX_VALUE : Math.max(now + NESTED_LIMIT, outerUntil);
    long until = Math.min(now + micros, longest);
    within(until, () -> run(until, over));
  }

  /** Lets others have their turns in a call that lasts until then. */
  private void within(long until, Runnable turns) {
    long before = outerUntil;
    outerUntil = until;
    try {
      turns.run();
    } finally {
      outerUntil = before;
    }
  }

  private @Nullable Actor due() {
    int count = 0;
    for (int i = 0; i < actors.size(); i++) {
      Actor actor = actors.get(i);
      if (!actor.running && actor.nextAt <= now) {
        count++;
      }
    }
    if (count == 0) {
      return null;
    }
    int chosen = count == 1 ? 0 : dice.below(count);
    for (int i = 0; i < actors.size(); i++) {
      Actor actor = actors.get(i);
      if (!actor.running && actor.nextAt <= now && chosen-- == 0) {
        return actor;
      }
    }
    throw new AssertionError("one of them is due");
  }

  private long earliest() {
    long earliest = Long.MAX_VALUE;
    for (int i = 0; i < actors.size(); i++) {
      Actor actor = actors.get(i);
      if (!actor.running) {
        earliest = Math.min(earliest, actor.nextAt);
      }
    }
    return earliest;
  }

  private void make(Actor actor) {
    turns++;
    if (turns > TURN_LIMIT) {
      throw new AssertionError("the simulation has no end after " + TURN_LIMIT + " turns");
    }
    depth++;
    actor.running = true;
    actor.rung = false;
    actor.nextAt = Long.MAX_VALUE;
    try {
      OptionalLong pause = actor.turn.make();
      if (pause.isEmpty()) {
        actors.remove(actor);
      } else {
        actor.nextAt = actor.rung ? now : now + Math.max(0, pause.getAsLong());
      }
    } catch (AgentDied died) {
      actor.nextAt = now + SECOND; // an actor that is not the agent's goes on
      throw died;
    } finally {
      actor.running = false;
      depth--;
    }
    afterTurn.run();
  }

  /** Returns a clock that shows the supplied time. */
  static Clock clock(Supplier<Instant> time) {
    InstantSource source = time::get;
    return source.withZone(ZoneOffset.UTC);
  }

  static long micros(Duration duration) {
    return duration.toNanos() / 1_000;
  }
}
