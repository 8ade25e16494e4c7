package io.gpurunner.agent.os;

import com.sun.jna.LastErrorException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells systemd how the service is doing (sd_notify(3)). Without a {@code NOTIFY_SOCKET}, that is
 * when systemd did not start the agent, every call does nothing. Never throws: a service manager
 * that does not listen is no reason to stop working. Thread-safe.
 */
public final class ServiceNotifier {
  private static final Logger LOG = LoggerFactory.getLogger(ServiceNotifier.class);
  private static final int MAX_STATUS_LENGTH = 512;

  private final Optional<String> socket;

  /**
   * @param socket the value of {@code NOTIFY_SOCKET}: an absolute path, or {@code @} and the name
   *     of an abstract socket
   */
  public ServiceNotifier(Optional<String> socket) {
    this.socket = socket.filter(ServiceNotifier::isUsable);
  }

  /** The notifier of this process. */
  public static ServiceNotifier fromEnvironment() {
    return new ServiceNotifier(Optional.ofNullable(System.getenv("NOTIFY_SOCKET")));
  }

  /** The agent takes requests. */
  public void ready() {
    send("READY=1");
  }

  /** The agent is about to end. */
  public void stopping() {
    send("STOPPING=1");
  }

  /** One line for {@code systemctl status}; what is longer is cut. */
  public void status(String line) {
    String flat = line.replaceAll("\\R", " ");
    send("STATUS=" + flat.substring(0, Math.min(flat.length(), MAX_STATUS_LENGTH)));
  }

  private void send(String message) {
    socket.ifPresent(address -> send(address, message));
  }

  private static void send(String address, String message) {
    try {
      UnixDatagram.send(address, message.getBytes(StandardCharsets.UTF_8));
    } catch (LastErrorException | LinkageError | IllegalArgumentException failure) {
      LOG.warn("systemd was not told {} at {}", message, address, failure);
    }
  }

  private static boolean isUsable(String address) {
    boolean usable = address.startsWith("/") || address.startsWith("@");
    if (!usable && !address.isEmpty()) {
      LOG.warn(
          "NOTIFY_SOCKET={} is neither a path nor an abstract name; systemd is not told", address);
    }
    return usable;
  }
}
