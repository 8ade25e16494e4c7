package io.gpurunner.agent.callback;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Resolves names with the C library, as other programs of the machine do ({@code /etc/hosts}, DNS).
 * Lookups run on a few platform threads of their own. On a virtual thread a lookup would hold its
 * carrier while it waits, so a few names whose servers never answer would stop every job of the
 * machine. Thread-safe.
 */
public final class SystemHostResolver implements HostResolver, AutoCloseable {
  private static final Duration TIMEOUT = Duration.ofSeconds(10);
  private static final int MAX_THREADS = 8;
  private static final int MAX_WAITING = 256;
  private static final Duration IDLE_THREAD = Duration.ofSeconds(30);

  private final ThreadPoolExecutor lookups;

  public SystemHostResolver() {
    lookups =
        new ThreadPoolExecutor(
            MAX_THREADS,
            MAX_THREADS,
            IDLE_THREAD.toSeconds(),
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(MAX_WAITING),
            Thread.ofPlatform().name("resolve-", 0).daemon().factory());
    lookups.allowCoreThreadTimeOut(true);
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
      return CompletableFuture.supplyAsync(() -> lookUp(host), lookups)
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
