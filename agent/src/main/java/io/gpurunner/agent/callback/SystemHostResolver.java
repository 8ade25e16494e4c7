package io.gpurunner.agent.callback;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;

/**
 * Resolves names with the C library, as other programs of the machine do ({@code /etc/hosts}, DNS).
 * Lookups run on platform threads of their own. On a virtual thread a lookup would hold its carrier
 * while it waits, so a few names whose servers never answer would stop every job of the machine.
 * There are more threads than lookups that one user can cause at a time: for his requests that are
 * worked on, and for his callbacks that are on their way. So no lookup waits for a stranger's.
 * Thread-safe.
 */
public final class SystemHostResolver implements HostResolver, AutoCloseable {
  private static final Duration TIMEOUT = Duration.ofSeconds(10);

  /** The largest number of lookups at a time. A further one is refused at once. */
  static final int LOOKUPS_LIMIT = 256;

  private static final Duration IDLE_THREAD = Duration.ofSeconds(30);

  private final ThreadPoolExecutor lookups;
  private final Function<String, List<InetAddress>> lookup;

  public SystemHostResolver() {
    this(SystemHostResolver::lookUp);
  }

  /**
   * @param lookup asks for the addresses of a name; may block for long
   */
  SystemHostResolver(Function<String, List<InetAddress>> lookup) {
    this.lookup = lookup;
    lookups =
        new ThreadPoolExecutor(
            0,
            LOOKUPS_LIMIT,
            IDLE_THREAD.toSeconds(),
            TimeUnit.SECONDS,
            new SynchronousQueue<>(),
            Thread.ofPlatform().name("resolve-", 0).daemon().factory());
  }

  @Override
  public List<InetAddress> resolve(String host) throws UnknownHostException {
    if (mayBeLiteral(host)) {
      try {
        return List.of(InetAddress.ofLiteral(host)); // no lookup
      } catch (IllegalArgumentException noLiteral) {
        // It is a name.
      }
    }
    try {
      return CompletableFuture.supplyAsync(() -> lookup.apply(host), lookups)
          .orTimeout(TIMEOUT.toMillis(), TimeUnit.MILLISECONDS)
          .join();
    } catch (RejectedExecutionException full) {
      throw unknown(host, "too many names are being looked up; try again later", full);
    } catch (CompletionException failed) {
      throw failed.getCause() instanceof TimeoutException
          ? unknown(host, "no answer within " + TIMEOUT.toSeconds() + " s", failed)
          : unknown(host, "there is no such name, or the name server does not answer", failed);
    }
  }

  /** Starts no more lookups. A lookup that runs ends by itself. */
  @Override
  public void close() {
    lookups.shutdown();
  }

  private static boolean mayBeLiteral(String host) {
    return host.contains(":") || (!host.isEmpty() && Character.isDigit(host.charAt(0)));
  }

  private static List<InetAddress> lookUp(String host) {
    try {
      return List.of(InetAddress.getAllByName(host));
    } catch (UnknownHostException unknown) {
      throw new CompletionException(unknown);
    }
  }

  private static UnknownHostException unknown(String host, String why, Exception cause) {
    UnknownHostException unknown =
        new UnknownHostException("the host " + host + " does not resolve: " + why);
    unknown.initCause(cause);
    return unknown;
  }
}
