package io.gpurunner.agent.ledger.disk;

import io.gpurunner.api.JobId;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Opens the index, or builds it where it cannot be used, and applies to it what the journal has
 * more. For one thread.
 */
final class IndexOpener {
  /** What is read of the journal, and applied, at once. */
  private static final long BATCH_BYTES = 16 << 20;

  private static final Logger log = LoggerFactory.getLogger(IndexOpener.class);

  private final LedgerPlace place;
  private final String ledger;
  private final Reserve reserve;

  /**
   * @param ledger the name of the ledger
   * @param reserve is given up where the disk has no room for the index
   */
  IndexOpener(LedgerPlace place, String ledger, Reserve reserve) {
    this.place = place;
    this.ledger = ledger;
    this.reserve = reserve;
  }

  /**
   * Returns an index that holds all groups up to one.
   *
   * @param upTo the number of the newest group
   */
  Index open(long upTo) throws IOException {
    Optional<Index> opened = tryOpen(upTo);
    if (opened.isPresent()) {
      return opened.get();
    }
    reserve.giveUpWhereFull();
    return build(upTo);
  }

  private Optional<Index> tryOpen(long upTo) {
    try {
      Index there = Index.open(place, ledger);
      try {
        catchUp(there, upTo);
        return Optional.of(there);
      } catch (IOException | RuntimeException e) {
        there.close();
        throw e;
      }
    } catch (IOException | RuntimeException e) { // H2 throws any of a damaged file
      if (upTo > 0) {
        log.warn("the ledger's index is built again, nothing is lost: {}", e.getMessage());
      }
      return Optional.empty();
    }
  }

  private void catchUp(Index opened, long upTo) throws IOException {
    if (opened.applied() > upTo) {
      throw new IOException(
          "it holds group " + opened.applied() + ", and the newest recorded is " + upTo);
    }
    AtomicReference<GroupChanges> batch = new AtomicReference<>(new GroupChanges(_ -> true));
    Journal.forEach(
        place,
        opened.applied(),
        upTo,
        group -> {
          batch.get().add(group);
          if (batch.get().bytes() > BATCH_BYTES || group.number() == upTo) {
            apply(batch.getAndSet(new GroupChanges(_ -> true)), group.number(), opened);
          }
        });
  }

  private static void apply(GroupChanges groups, long number, Index to) throws IOException {
    List<Change> changes = new ArrayList<>();
    groups.created().forEach(job -> changes.add(new Change(job.job().id(), Optional.of(job))));
    for (Entry entry : groups.changed()) {
      JobId id = entry.id();
      JobRecord before =
          to.read(view -> view.find(id)).orElseThrow(() -> new IOException("it lacks " + id));
      changes.add(new Change(id, groups.after(before)));
    }
    to.apply(changes, number);
  }

  private Index build(long upTo) throws IOException {
    long startedNanos = System.nanoTime();
    Index built = Index.build(place, ledger, upTo);
    try {
      catchUp(built, upTo);
    } catch (IOException | RuntimeException e) {
      built.close();
      throw e;
    }
    log.info(
        "the ledger's index was built in {} ms",
        TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - startedNanos));
    return built;
  }
}
