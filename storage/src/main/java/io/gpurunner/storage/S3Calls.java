package io.gpurunner.storage;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.awscore.AwsRequestOverrideConfiguration;

/**
 * Makes calls to S3, each on a thread of its own and bounded in time. The SDK ends a call that
 * takes too long by interrupting its thread. That must never be the caller's thread, which may be
 * about to use the ledger.
 */
final class S3Calls {
  static final Duration CALL_LIMIT = Duration.ofSeconds(30);
  static final int ATTEMPTS = 3;

  /** The time limit of a look that a client waits for, with all its attempts. */
  static final Duration LOOK_LIMIT = Duration.ofSeconds(15);

  /** The slowest speed of a part. A slower one has failed. */
  private static final long SLOWEST_BYTES_PER_SECOND = 64 << 10;

  /**
   * Platform threads, because what is sent is read from files, which would hold a carrier thread.
   */
  private static final Executor THREADS =
      task -> Thread.ofPlatform().name("s3").daemon().start(task);

  private static final Logger log = LoggerFactory.getLogger(S3Calls.class);

  /** Names the right to list and abort leftovers, for {@link #whereAllowed}. */
  static final String LEFTOVERS =
      "list and abort unfinished uploads, so they stay; let a lifecycle rule of the bucket remove"
          + " them";

  private final String store;
  private final Duration callLimit;
  private final Set<String> denied = ConcurrentHashMap.newKeySet();

  /**
   * @param callLimit the time limit of one attempt of a call without content
   */
  S3Calls(String store, Duration callLimit) {
    this.store = store;
    this.callLimit = callLimit;
  }

  /** Runs a call and waits for its end. */
  <T> T call(String action, Supplier<T> call) {
    return wait(start(action, call));
  }

  /**
   * Makes a call that is not necessary.
   *
   * @param right the right that the key may lack, and what follows from that; logged once
   * @return whether the call was allowed
   */
  boolean whereAllowed(String right, Runnable call) {
    try {
      call.run();
      return true;
    } catch (StorageException failure) {
      if (!S3Errors.isDenied(failure)) {
        throw failure;
      }
      warnOnce(right, failure);
      return false;
    }
  }

  /**
   * Makes a call that is not necessary, and does without if it fails for any reason.
   *
   * @param right as in {@link #whereAllowed}
   */
  void unlessItFails(String right, Runnable call) {
    try {
      call.run();
    } catch (StorageException failure) {
      warnOnce(right, failure);
    }
  }

  private void warnOnce(String right, StorageException failure) {
    if (denied.add(right)) {
      log.warn("{}: the key may not {} (logged once): {}", store, right, failure.getMessage());
    }
  }

  /** Starts a call. */
  <T> CompletableFuture<T> start(String action, Supplier<T> call) {
    return CompletableFuture.supplyAsync(() -> explained(action, call), THREADS);
  }

  /** Waits for the end of a call, which has a time limit of its own. */
  static <T> T wait(CompletableFuture<T> call) {
    try {
      return call.join();
    } catch (CompletionException failed) {
      if (failed.getCause() instanceof StorageException explained) {
        explained.addSuppressed(new IllegalStateException("called from here"));
        throw explained;
      }
      throw failed;
    }
  }

  private <T> T explained(String action, Supplier<T> call) {
    try {
      return call.get();
    } catch (StorageException explained) {
      throw explained;
    } catch (RuntimeException failure) {
      // This is not only SdkException, because an exception of the content comes out of the SDK as
      // it is, or wrapped.
      throw S3Errors.explain(store, action, failure);
    }
  }

  /** Returns the limits of a look that a client waits for. */
  static AwsRequestOverrideConfiguration lookLimits() {
    return AwsRequestOverrideConfiguration.builder().apiCallTimeout(LOOK_LIMIT).build();
  }

  /** Returns the limits of a call that carries this many bytes. */
  AwsRequestOverrideConfiguration limits(long bytes) {
    Duration attempt = callLimit.plusSeconds(bytes / SLOWEST_BYTES_PER_SECOND);
    return AwsRequestOverrideConfiguration.builder()
        .apiCallAttemptTimeout(attempt)
        .apiCallTimeout(attempt.multipliedBy(ATTEMPTS))
        .build();
  }
}
