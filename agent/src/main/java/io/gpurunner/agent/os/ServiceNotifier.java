package io.gpurunner.agent.os;

import com.sun.jna.LastErrorException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reports the state of the service to systemd (sd_notify(3)). Without {@code NOTIFY_SOCKET}, which
 * means that systemd did not start the agent, every call does nothing. Never throws: the agent
 * works on if systemd does not listen. Thread-safe.
 */
public final class ServiceNotifier {
  /**
   * The longest time that the message READY waits for room in systemd's queue. If systemd does not
   * get it, systemd assumes that the start failed, and ends the agent.
   */
  static final Duration READY_LIMIT = Duration.ofSeconds(60);

  /** The longest time that the message STOPPING waits. systemd can do without it. */
  static final Duration STOPPING_LIMIT = Duration.ofSeconds(2);

  /** The longest time that a start asks systemd for more time. */
  static final Duration START_LIMIT = Duration.ofHours(1);

  /**
   * The time that a start asks for. It asks several times within that time, because messages may be
   * lost.
   */
  private static final Duration EXTENSION = Duration.ofMinutes(2);

  private static final Duration EXTENSION_INTERVAL = Duration.ofSeconds(15);

  private static final Logger LOG = LoggerFactory.getLogger(ServiceNotifier.class);
  private static final int MAX_STATUS_LENGTH = 512;

  private final Optional<String> socket;
  private final Duration readyLimit;
  private final Duration extensionInterval;
  private final Duration startLimit;

  /**
   * @param socket the value of {@code NOTIFY_SOCKET}: an absolute path, or {@code @} and the name
   *     of an abstract socket
   */
  public ServiceNotifier(Optional<String> socket) {
    this(socket, READY_LIMIT, EXTENSION_INTERVAL, START_LIMIT);
  }

  ServiceNotifier(
      Optional<String> socket,
      Duration readyLimit,
      Duration extensionInterval,
      Duration startLimit) {
    this.socket = socket.filter(ServiceNotifier::isUsable);
    this.readyLimit = readyLimit;
    this.extensionInterval = extensionInterval;
    this.startLimit = startLimit;
  }

  /** Returns the notifier of this process. */
  public static ServiceNotifier fromEnvironment() {
    return new ServiceNotifier(Optional.ofNullable(System.getenv("NOTIFY_SOCKET")));
  }

  /** A start that is under way. It is closed when the agent is ready or cannot start. */
  public interface Start extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * Begins a start. Until it is closed, systemd is asked again and again for more time than {@code
   * TimeoutStartSec}, because reading a large ledger can take long. The asking ends after {@link
   * #START_LIMIT}.
   */
  public Start starting() {
    if (socket.isEmpty()) {
      return () -> {};
    }
    CountDownLatch ended = new CountDownLatch(1);
    Thread asking =
        Thread.ofPlatform().name("start").daemon(true).start(() -> askForTimeUntil(ended));
    return () -> {
      ended.countDown();
      awaitEnd(asking); // no extension follows READY=1
    };
  }

  private void askForTimeUntil(CountDownLatch ended) {
    // The unit is microseconds, counted from when the message arrives (sd_notify(3)).
    String message = "EXTEND_TIMEOUT_USEC=" + TimeUnit.SECONDS.toMicros(EXTENSION.toSeconds());
    long beganNanos = System.nanoTime();
    try {
      do {
        send(message, Duration.ZERO);
      } while (!ended.await(extensionInterval.toNanos(), TimeUnit.NANOSECONDS)
          && System.nanoTime() - beganNanos < startLimit.toNanos());
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
  }

  private static void awaitEnd(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
  }

  /** Reports that the agent takes requests. Waits for room in systemd's queue, within a limit. */
  public void ready() {
    send("READY=1", readyLimit);
  }

  /** Reports that the agent is about to end. */
  public void stopping() {
    send("STOPPING=1", STOPPING_LIMIT);
  }

  /** Reports one line for {@code systemctl status}. A longer text is cut. */
  public void status(String line) {
    String flat = line.replaceAll("\\R", " ");
    send("STATUS=" + flat.substring(0, Math.min(flat.length(), MAX_STATUS_LENGTH)), Duration.ZERO);
  }

  private void send(String message, Duration limit) {
    socket.ifPresent(address -> send(address, message, limit));
  }

  private static void send(String address, String message, Duration limit) {
    try {
      UnixDatagram.send(address, message.getBytes(StandardCharsets.UTF_8), limit);
    } catch (LastErrorException | LinkageError | IllegalArgumentException failure) {
      LOG.warn("systemd could not be notified of {} at {}", message, address, failure);
    }
  }

  private static boolean isUsable(String address) {
    boolean usable = address.startsWith("/") || address.startsWith("@");
    if (!usable && !address.isEmpty()) {
      LOG.warn(
          "NOTIFY_SOCKET={} is neither an absolute path nor an abstract name (@…); systemd is not notified",
          address);
    }
    return usable;
  }
}
