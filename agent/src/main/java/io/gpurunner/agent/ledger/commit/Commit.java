package io.gpurunner.agent.ledger.commit;

import io.gpurunner.agent.ledger.LedgerException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Work on the database that waits for its group, and what came of it. Settled once. */
public final class Commit<T> {
  private final Supplier<T> work;
  private final CompletableFuture<T> result = new CompletableFuture<>();
  private @Nullable T value;

  public Commit(Supplier<T> work) {
    this.work = work;
  }

  /** Runs the work; its result is kept until the group is on disk. */
  void run() {
    value = work.get();
  }

  /** The group is on disk: the result is told. After {@link #run}. */
  @SuppressWarnings("NullAway") // complete() follows run() only
  void complete() {
    result.complete(value);
  }

  void fail(Throwable e) {
    result.completeExceptionally(e);
  }

  public boolean isSettled() {
    return result.isDone();
  }

  /**
   * What the work returned, once it is on disk; what it threw is thrown.
   *
   * @throws LedgerException UNKNOWN where that takes longer than the limit
   */
  public T await(long limitSeconds) {
    try {
      return result.get(limitSeconds, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      throw new LedgerException(
          LedgerException.Kind.UNKNOWN,
          "the disk did not take it within "
              + limitSeconds
              + " s; whether it still will is not known",
          e);
    } catch (ExecutionException e) {
      throw withCallersStack(e);
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
  }

  private static RuntimeException withCallersStack(ExecutionException e) {
    return switch (e.getCause()) {
      case LedgerException cause ->
          new LedgerException(cause.kind(), String.valueOf(cause.getMessage()), cause);
      case RuntimeException cause -> cause;
      case null, default -> new IllegalStateException(e.getCause());
    };
  }
}
