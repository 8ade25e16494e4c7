package io.gpurunner.agent.run;

import io.gpurunner.agent.callback.CallbackBody;
import io.gpurunner.agent.callback.CallbackDelivery;
import io.gpurunner.agent.callback.CallbackResult;
import io.gpurunner.agent.callback.CallbackSender;
import io.gpurunner.agent.callback.RetrySchedule;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.ledger.LedgerException;
import io.gpurunner.agent.ledger.PendingCallback;
import io.gpurunner.agent.ledger.Standing;
import io.gpurunner.api.Shown;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedSet;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends the callbacks that the ledger owes. Each is retried until it is delivered or its retry time
 * is over. Users take turns, and each user's receivers do. Thread-safe.
 */
public final class CallbackOutbox implements AutoCloseable {
  /** The largest number of callbacks on their way at a time. */
  static final int SENDING_LIMIT = 64;

  /** The largest number of one user's callbacks on their way. They do not hold up other users'. */
  static final int USER_LIMIT = 8;

  /** The largest number of callbacks on their way to one receiver: one host, whatever its port. */
  static final int RECEIVER_LIMIT = 8;

  /**
   * The largest number of one user's callbacks on their way to one receiver. A receiver that hangs
   * does not hold up the user's others, nor other users' callbacks to the same host.
   */
  static final int RECEIVER_OF_A_USER_LIMIT = 4;

  /**
   * What the job's user reads of every try that failed. More would tell the user which servers
   * answer this machine, and how.
   */
  static final String FAILED_TRY =
      "the receiver may not be called, was not reached, or did not answer 2xx";

  /** The pause after a try whose outcome could not be recorded. */
  private static final Duration FAULT_PAUSE = Duration.ofSeconds(5);

  /** The longest time between two looks at the ledger. */
  private static final Duration LOOK_INTERVAL = Duration.ofSeconds(30);

  private static final Logger log = LoggerFactory.getLogger(CallbackOutbox.class);

  private final JobLedger ledger;
  private final CallbackSender sender;
  private final ArtifactUrls urls;
  private final RetrySchedule schedule;
  private final Clock clock;
  private final Map<String, PendingCallback> sending = new ConcurrentHashMap<>();
  private final Executor senders;
  private final Consumer<Duration> pause;
  private final Rounds rounds = new Rounds("callbacks", this::round);
  private final List<Consumer<CallbackResult>> listeners = new CopyOnWriteArrayList<>();

  /** Whether the waits of an earlier boot were limited. Only rounds use it. */
  private boolean waitsLimited;

  /** The user of the latest callback. Only rounds use it. */
  private String lastUser = "";

  /** The receiver of each user's latest callback, while he has some due. Only rounds use it. */
  private final Map<String, String> lastReceivers = new HashMap<>();

  public CallbackOutbox(
      JobLedger ledger,
      CallbackSender sender,
      ArtifactUrls urls,
      RetrySchedule schedule,
      Clock clock) {
    this(
        ledger,
        sender,
        urls,
        schedule,
        clock,
        task -> Thread.ofVirtual().name("callback").start(task),
        new Wakeup()::await);
  }

  /**
   * @param senders executes the tries, each of which may take a minute
   * @param pause blocks the thread of a try for that long
   */
  CallbackOutbox(
      JobLedger ledger,
      CallbackSender sender,
      ArtifactUrls urls,
      RetrySchedule schedule,
      Clock clock,
      Executor senders,
      Consumer<Duration> pause) {
    this.senders = senders;
    this.pause = pause;
    this.ledger = ledger;
    this.sender = sender;
    this.urls = urls;
    this.schedule = schedule;
    this.clock = clock;
  }

  /** Starts sending. Called once. */
  public void start() {
    ledger.listen(this::heardOf);
    rounds.start();
  }

  /** Calls the listener after every try, on the thread of the try. */
  public void listen(Consumer<CallbackResult> listener) {
    listeners.add(listener);
  }

  private void heardOf(Job job) {
    if (job.state() instanceof JobState.Final) {
      rounds.ring();
    }
  }

  /** Does one round. Called by the loop, and by the simulation instead of it. */
  Duration round() {
    Instant now = clock.instant();
    if (!waitsLimited) {
      // An earlier boot may have had a clock that was ahead of this one.
      ledger.limitCallbackWaits(now.plus(RetrySchedule.LONGEST_DELAY));
      waitsLimited = true;
    }
    sendDue(now);
    // A callback that is due and was not sent waits for the end of another try, which rings.
    return ledger
        .callbacks()
        .nextAfter(now)
        .map(next -> Duration.between(clock.instant(), next))
        .filter(pause -> pause.compareTo(LOOK_INTERVAL) < 0)
        .orElse(LOOK_INTERVAL);
  }

  /**
   * Sends what is due. A round looks at as many users as callbacks may be on their way: each of
   * them has a callback that can go, or has as many on their way as one user may have.
   */
  private void sendDue(Instant now) {
    List<String> users =
        inTurn(lastUser, after -> ledger.callbacks().users(now, after, SENDING_LIMIT));
    lastReceivers.keySet().retainAll(Set.copyOf(users));
    for (String user : users) {
      if (sending.size() >= SENDING_LIMIT) {
        return;
      }
      sendDue(user, now);
    }
  }

  /**
   * Sends what is due of one user. His receivers take turns, so that a receiver with thousands of
   * due callbacks does not hide the others.
   */
  private void sendDue(String user, Instant now) {
    List<String> receivers =
        inTurn(
            lastReceivers.getOrDefault(user, ""),
            after -> ledger.callbacks().receivers(user, now, after, SENDING_LIMIT));
    for (String receiver : receivers) {
      ledger
          .callbacks()
          .due(user, receiver, now, RECEIVER_OF_A_USER_LIMIT)
          .forEach(this::sendIfMayGo);
    }
  }

  /** Returns the names that follow the last one, and then those from the beginning. */
  private static List<String> inTurn(String last, Function<String, List<String>> after) {
    SequencedSet<String> names = new LinkedHashSet<>(after.apply(last));
    if (names.size() < SENDING_LIMIT && !last.isEmpty()) {
      names.addAll(after.apply(""));
    }
    return List.copyOf(names);
  }

  private void sendIfMayGo(PendingCallback callback) {
    if (mayGo(callback)) {
      sending.put(callback.deliveryId(), callback);
      lastUser = callback.user();
      lastReceivers.put(callback.user(), callback.receiver());
      senders.execute(() -> sendAndForget(callback));
    }
  }

  private boolean mayGo(PendingCallback callback) {
    Predicate<PendingCallback> sameUser = other -> other.user().equals(callback.user());
    Predicate<PendingCallback> sameReceiver = other -> other.receiver().equals(callback.receiver());
    return sending.size() < SENDING_LIMIT
        && !sending.containsKey(callback.deliveryId())
        && onTheirWay(sameUser) < USER_LIMIT
        && onTheirWay(sameReceiver) < RECEIVER_LIMIT
        && onTheirWay(sameUser.and(sameReceiver)) < RECEIVER_OF_A_USER_LIMIT;
  }

  private long onTheirWay(Predicate<PendingCallback> which) {
    return sending.values().stream().filter(which).count();
  }

  private void sendAndForget(PendingCallback callback) {
    try {
      // A try may have ended since this callback was read.
      if (ledger.callbacks().isPending(callback)) {
        send(callback);
      }
    } catch (LedgerException e) {
      log.error(
          "{} the outcome of a callback could not be recorded; it is sent again: {}",
          callback.job(),
          e.getMessage());
      pause.accept(FAULT_PAUSE);
    } catch (RuntimeException e) {
      log.error(
          "{} unexpected error while sending a callback; it is sent again", callback.job(), e);
      pause.accept(FAULT_PAUSE);
    } finally {
      sending.remove(callback.deliveryId());
      rounds.ring();
    }
  }

  /** Makes one try at a callback and records its outcome. */
  void send(PendingCallback callback) {
    Optional<Standing> standing = ledger.standing(callback.job());
    Optional<URI> url = standing.flatMap(urls::urlFor);
    String body = CallbackBody.of(callback.job().value(), callback.success(), url);
    CallbackResult result =
        sender.send(
            new CallbackDelivery(
                callback.deliveryId(), standing.map(Standing::user), callback.url(), body));
    listeners.forEach(listener -> listener.accept(result));
    switch (result) {
      case CallbackResult.Delivered delivered -> {
        log.info(
            "{} callback delivered to {} (HTTP {})",
            callback.job(),
            callback.receiver(),
            delivered.status());
        ledger.callbackDelivered(callback, "callback answered with HTTP " + delivered.status());
      }
      case CallbackResult.Rejected rejected -> again(callback, rejected.reason());
      case CallbackResult.Failed failed -> again(callback, failed.reason());
      case CallbackResult.Forbidden forbidden -> again(callback, forbidden.reason());
    }
  }

  private void again(PendingCallback callback, String reason) {
    Instant now = clock.instant();
    Optional<Duration> delay =
        schedule.delayAfter(
            callback.tries() + 1, Duration.between(callback.firstTryAt().orElse(now), now));
    if (delay.isPresent()) {
      Instant next = now.plus(delay.get());
      log.info(
          "{} callback failed, next try at {}: {}", callback.job(), next, Shown.logged(reason));
      ledger.callbackPostponed(callback, next, FAILED_TRY + "; next try at " + next);
    } else {
      log.warn(
          "{} callback given up after {} tries: {}",
          callback.job(),
          callback.tries() + 1,
          Shown.logged(reason));
      ledger.callbackAbandoned(
          callback, "given up after " + (callback.tries() + 1) + " tries: " + FAILED_TRY);
    }
  }

  @Override
  public void close() {
    rounds.close();
  }
}
