package io.gpurunner.api;

import io.vertx.core.Vertx;
import io.vertx.core.http.HttpConnection;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedSet;

/**
 * Limits the open connections: their number, and the time that one may take to send a request's
 * head. An idle timeout alone would not be enough, because a client can send a byte now and then.
 *
 * <p>A connection is a stranger's until a request on it was accepted for a user. Strangers keep no
 * user out: where there is no place, a stranger's connection is closed for the new one. Users keep
 * no stranger out: some places are only for strangers, so health is always answered (docs/adr/028).
 * Not thread-safe: belongs to the server's event loop.
 */
final class Connections {
  /** The number of checks in one wait. A connection is closed at most one interval late. */
  private static final int CHECKS_A_WAIT = 4;

  private final ConnectionLimits limits;
  private final Map<HttpConnection, Line> open = new HashMap<>();

  /** The connections of strangers, by their address, the oldest first. */
  private final Map<String, SequencedSet<Line>> strangers = new HashMap<>();

  private final Map<String, SequencedSet<Line>> users = new HashMap<>();
  private final long timer;
  private int usersLines;

  private static final class Line {
    private final HttpConnection connection;
    private final String address;
    private int requests;
    private boolean hadRequest;
    private long quietSinceNanos = System.nanoTime();
    private Optional<String> user = Optional.empty();

    Line(HttpConnection connection, String address) {
      this.connection = connection;
      this.address = address;
    }

    boolean isQuiet() {
      return requests == 0;
    }
  }

  Connections(Vertx vertx, ConnectionLimits limits) {
    this.limits = limits;
    this.timer =
        vertx.setPeriodic(
            Math.max(1, limits.firstRequest().toMillis() / CHECKS_A_WAIT), id -> closeTheSlow());
  }

  void opened(HttpConnection connection) {
    String address = ClientNetwork.of(connection.remoteAddress());
    if (count(strangers, address) >= limits.strangersOfAnAddress()) {
      close(oldest(strangers.getOrDefault(address, new LinkedHashSet<>())));
    } else if (open.size() >= limits.all()) {
      close(busiest(strangers).flatMap(Connections::oldest).or(this::quietOfTheBusiestUser));
    }
    if (open.size() >= limits.all()) {
      connection.close();
      return;
    }
    Line line = new Line(connection, address);
    open.put(connection, line);
    strangers.computeIfAbsent(address, _ -> new LinkedHashSet<>()).add(line);
    connection.closeHandler(closed -> forget(line));
  }

  void requestBegan(HttpConnection connection) {
    Line line = open.get(connection);
    if (line != null) {
      line.requests++;
      line.hadRequest = true;
    }
  }

  void requestEnded(HttpConnection connection) {
    Line line = open.get(connection);
    if (line != null) {
      line.requests--;
      line.quietSinceNanos = System.nanoTime();
    }
  }

  /**
   * Notes that a request on this connection was accepted for a user. From now on the connection is
   * no stranger's.
   *
   * @throws RequestRefusedException TOO_MANY if this user has too many connections, UNAVAILABLE if
   *     all users together have
   */
  void accepted(HttpConnection connection, String user) {
    Line line = open.get(connection);
    if (line == null || line.user.filter(user::equals).isPresent()) {
      return;
    }
    if (count(users, user) >= limits.ofAUser()) {
      close(quiet(users.getOrDefault(user, new LinkedHashSet<>())));
    } else if (line.user.isEmpty() && usersLines >= limits.ofUsers()) {
      close(quietOfTheBusiestUser());
    }
    if (count(users, user) >= limits.ofAUser()) {
      throw new RequestRefusedException(
          RequestRefusedException.Kind.TOO_MANY,
          "%s uses %d connections, the most of one user at a time; close some of them"
              .formatted(user, limits.ofAUser()),
          ApiLimits.RETRY_AFTER);
    }
    if (line.user.isEmpty() && usersLines >= limits.ofUsers()) {
      throw new RequestRefusedException(
          RequestRefusedException.Kind.UNAVAILABLE,
          "users have %d connections, the most at a time; try again".formatted(limits.ofUsers()),
          ApiLimits.RETRY_AFTER);
    }
    leave(line);
    line.user = Optional.of(user);
    usersLines++;
    users.computeIfAbsent(user, _ -> new LinkedHashSet<>()).add(line);
  }

  void stop(Vertx vertx) {
    vertx.cancelTimer(timer);
  }

  private void close(Optional<Line> victim) {
    victim.ifPresent(
        line -> {
          forget(line); // its place is free at once
          line.connection.close();
        });
  }

  private void forget(Line line) {
    if (open.remove(line.connection, line)) {
      leave(line);
    }
  }

  /** Takes a connection out of the set that it is in. */
  private void leave(Line line) {
    if (line.user.isPresent()) {
      usersLines--;
      remove(users, line.user.get(), line);
    } else {
      remove(strangers, line.address, line);
    }
  }

  private static void remove(Map<String, SequencedSet<Line>> groups, String group, Line line) {
    groups.computeIfPresent(
        group, (_, lines) -> lines.remove(line) && lines.isEmpty() ? null : lines);
  }

  private static int count(Map<String, SequencedSet<Line>> groups, String group) {
    SequencedSet<Line> lines = groups.get(group);
    return lines == null ? 0 : lines.size();
  }

  private static Optional<SequencedSet<Line>> busiest(Map<String, SequencedSet<Line>> groups) {
    return groups.values().stream().max(Comparator.comparingInt(Collection::size));
  }

  /** Returns the oldest connection that waits for no answer; if there is none, the oldest. */
  private static Optional<Line> oldest(SequencedSet<Line> lines) {
    return lines.stream().filter(Line::isQuiet).findFirst().or(() -> lines.stream().findFirst());
  }

  private Optional<Line> quietOfTheBusiestUser() {
    return busiest(users).flatMap(Connections::quiet);
  }

  /** Returns the connection that has waited for a request for longest. */
  private static Optional<Line> quiet(SequencedSet<Line> lines) {
    long now = System.nanoTime();
    return lines.stream()
        .filter(Line::isQuiet)
        .max(Comparator.comparingLong(line -> now - line.quietSinceNanos));
  }

  private void closeTheSlow() {
    long now = System.nanoTime();
    List<Line> slow =
        open.values().stream()
            .filter(Line::isQuiet)
            .filter(line -> now - line.quietSinceNanos > waitNanos(line))
            .toList();
    slow.forEach(line -> line.connection.close());
  }

  private long waitNanos(Line line) {
    return (line.hadRequest ? limits.nextRequest() : limits.firstRequest()).toNanos();
  }
}
