package io.gpurunner.agent.ledger.commit;

import io.gpurunner.agent.ledger.LedgerException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A piece of work that waits for its group, and its outcome. It is settled once. */
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

  /** Gives the result to the caller, because the group is on disk. Called after {@link #run}. */
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

  /** Waits until it is settled, and returns or throws what the work returned or threw. */
  public T await() {
    try {
      // Without a time limit, because of which Java would wake a thread of its own for every wait.
      return result.get();
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
