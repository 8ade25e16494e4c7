package io.gpurunner.agent.run;

import io.gpurunner.agent.callback.CallbackBody;
import io.gpurunner.agent.callback.CallbackDelivery;
import io.gpurunner.agent.callback.CallbackResult;
import io.gpurunner.agent.callback.CallbackSender;
import io.gpurunner.agent.callback.RetrySchedule;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.ledger.LedgerException;
import io.gpurunner.agent.ledger.PendingCallback;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends the callbacks that the ledger owes, until each was delivered or its time is used up.
 * Thread-safe.
 */
public final class CallbackOutbox implements AutoCloseable {
  /** Callbacks on their way at a time. */
  private static final int SENDING_LIMIT = 16;

  /** Longest time between two looks. */
  private static final Duration LOOK_INTERVAL = Duration.ofSeconds(30);

  private static final Logger log = LoggerFactory.getLogger(CallbackOutbox.class);

  private final JobLedger ledger;
  private final CallbackSender sender;
  private final ArtifactUrls urls;
  private final RetrySchedule schedule;
  private final Clock clock;
  private final Set<String> sending = ConcurrentHashMap.newKeySet();
  private final Rounds rounds = new Rounds("callbacks", this::round);

  public CallbackOutbox(
      JobLedger ledger,
      CallbackSender sender,
      ArtifactUrls urls,
      RetrySchedule schedule,
      Clock clock) {
    this.ledger = ledger;
    this.sender = sender;
    this.urls = urls;
    this.schedule = schedule;
    this.clock = clock;
  }

  /** Starts sending. Called once. */
  public void start() {
    ledger.listen(_ -> rounds.ring());
    rounds.start();
  }

  private Duration round() {
    // More than can be on their way, so that those that are do not hide the next.
    for (PendingCallback callback : ledger.dueCallbacks(clock.instant(), 2 * SENDING_LIMIT)) {
      if (sending.size() < SENDING_LIMIT && sending.add(callback.deliveryId())) {
        Thread.ofVirtual().name("callback-" + callback.job()).start(() -> sendAndForget(callback));
      }
    }
    return untilNext();
  }

  private Duration untilNext() {
    if (sending.size() >= SENDING_LIMIT) {
      return LOOK_INTERVAL;
    }
    return ledger
        .nextCallbackAt()
        .map(next -> Duration.between(clock.instant(), next))
        .filter(Duration::isPositive)
        .filter(pause -> pause.compareTo(LOOK_INTERVAL) < 0)
        .orElse(LOOK_INTERVAL);
  }

  private void sendAndForget(PendingCallback callback) {
    try {
      send(callback);
    } catch (LedgerException e) {
      log.error(
          "{} the fate of a callback could not be recorded; it is sent again: {}",
          callback.job(),
          e.getMessage());
    } catch (RuntimeException e) {
      log.error(
          "{} sending a callback met an unforeseen fault; it is sent again", callback.job(), e);
    } finally {
      sending.remove(callback.deliveryId());
      rounds.ring();
    }
  }

  /** One try at one callback, and its record. */
  void send(PendingCallback callback) {
    Optional<URI> url = callback.artifact().map(file -> urls.urlFor(callback.job(), file));
    String body = CallbackBody.of(callback.job().value(), callback.success(), url);
    switch (sender.send(new CallbackDelivery(callback.deliveryId(), callback.url(), body))) {
      case CallbackResult.Delivered delivered -> {
        log.info(
            "{} callback delivered to {} (HTTP {})",
            callback.job(),
            callback.url().getHost(),
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
        schedule.delayAfter(callback.tries() + 1, Duration.between(callback.createdAt(), now));
    if (delay.isPresent()) {
      Instant next = now.plus(delay.get());
      log.info("{} callback failed, next try at {}: {}", callback.job(), next, reason);
      ledger.callbackPostponed(callback, next, reason + "; next try at " + next);
    } else {
      log.warn(
          "{} callback given up after {} tries: {}", callback.job(), callback.tries() + 1, reason);
      ledger.callbackAbandoned(
          callback, "given up after " + (callback.tries() + 1) + " tries: " + reason);
    }
  }

  @Override
  public void close() {
    rounds.close();
  }
}
