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
 * Time, and who comes next: of those who are due, any. While one waits in a call, others have their
 * turns, so that every call may find the world changed. One thread.
 */
final class Timeline {
  static final long MILLI = 1_000;
  static final long SECOND = 1_000_000;
  static final long MINUTE = 60 * SECOND;

  /** Turns within turns. */
  static final int DEPTH_LIMIT = 3;

  /** More turns than any seed needs. */
  private static final long TURN_LIMIT = 200_000;

  /**
   * Longest a call may take within another that it would outlast: the outer one has a limit too.
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

  /** Until when the call takes in which others have their turns now; long ago where none does. */
  private long outerUntil;

  /**
   * @param afterTurn called after each turn
   */
  Timeline(Dice dice, Story story, Runnable afterTurn) {
    this.dice = dice;
    this.story = story;
    this.afterTurn = afterTurn;
  }

  /** Microseconds since the simulation began; no jump of the clock changes it. */
  long now() {
    return now;
  }

  long turns() {
    return turns;
  }

  int depth() {
    return depth;
  }

  /** Whether the machine's clock was ever set. */
  boolean clockWasSet() {
    return clockWasSet;
  }

  /** By how many microseconds the machine's clock was set forward, all times together. */
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

  /** Something that happens once. */
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

  /** Its next turn is now, or right after the one it is making. */
  void ring(Actor actor) {
    actor.rung = true;
    actor.nextAt = Math.min(actor.nextAt, now);
  }

  /** The agent is dead, and with it its loops. */
  void removeAgent() {
    actors.removeIf(actor -> actor.ofAgent);
  }

  // ---- time

  /** Turns, until that time or until it is over. */
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

  /** Within a turn: some of those who are due come first. */
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
   * Within a turn: time passes, and others have their turns. Less of it than asked for where the
   * call round this one, which goes on only after it, would last too long for it, or where there
   * would be too many calls within calls.
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

  /** Others have their turns in a call that takes until then. */
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
      throw new AssertionError("there is no end of it after " + TURN_LIMIT + " turns");
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
      actor.nextAt = now + SECOND; // where it is none of the agent's, and goes on
      throw died;
    } finally {
      actor.running = false;
      depth--;
    }
    afterTurn.run();
  }

  /** A clock that shows what this supplies. */
  static Clock clock(Supplier<Instant> time) {
    InstantSource source = time::get;
    return source.withZone(ZoneOffset.UTC);
  }

  static long micros(Duration duration) {
    return duration.toNanos() / 1_000;
  }
}
