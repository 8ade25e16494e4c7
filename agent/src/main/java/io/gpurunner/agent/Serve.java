package io.gpurunner.agent;

import io.gpurunner.agent.auth.AuthException;
import io.gpurunner.agent.cli.ServeAction;
import io.gpurunner.agent.config.AgentConfig;
import io.gpurunner.agent.ledger.LedgerException;
import io.gpurunner.agent.os.ServiceNotifier;
import io.gpurunner.agent.state.StateException;
import io.gpurunner.storage.StorageException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** {@code gpurunner serve}: runs the agent in the foreground until the process is asked to stop. */
final class Serve implements ServeAction {
  private static final int FAILED = 1;
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(40);

  private static final Logger log = LoggerFactory.getLogger(Serve.class);

  @Override
  public int serve(AgentConfig config) {
    ServiceNotifier notifier = ServiceNotifier.fromEnvironment();
    Agent agent;
    try (ServiceNotifier.Start _ = notifier.starting()) {
      agent = Agent.start(config);
    } catch (AgentStartException
        | StateException
        | LedgerException
        | StorageException
        | AuthException e) {
      log.error("gpurunner cannot start: {}", e.getMessage());
      log.debug("because", e);
      return FAILED;
    }
    CountDownLatch stopRequested = new CountDownLatch(1);
    CountDownLatch closed = new CountDownLatch(1);
    Runtime.getRuntime()
        .addShutdownHook(
            Thread.ofPlatform()
                .name("shutdown")
                .unstarted(
                    () -> {
                      notifier.stopping();
                      stopRequested.countDown();
                      awaitClosed(closed);
                    }));
    notifier.ready();
    log.info("gpurunner serves {} (state in {})", config.http().publicUrl(), config.stateDir());
    awaitStopRequest(stopRequested);
    agent.close();
    log.info("gpurunner stopped; running jobs continue, and the next start takes them up");
    closed.countDown();
    return 0;
  }

  private static void awaitStopRequest(CountDownLatch stopRequested) {
    try {
      stopRequested.await();
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
  }

  /** The process ends when this returns. */
  private static void awaitClosed(CountDownLatch closed) {
    try {
      if (!closed.await(CLOSE_LIMIT.toSeconds(), TimeUnit.SECONDS)) {
        log.warn(
            "gpurunner did not stop within {} s and exits now; the next start continues its work",
            CLOSE_LIMIT.toSeconds());
      }
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
  }
}
