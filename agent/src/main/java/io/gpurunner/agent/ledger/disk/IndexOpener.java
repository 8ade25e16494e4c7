package io.gpurunner.agent.ledger.disk;

import io.gpurunner.api.JobId;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Opens the index, or builds it where it cannot be used, and applies to it what the journal has
 * more. For one thread.
 */
final class IndexOpener {
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
    Journal.forEach(place, opened.applied(), upTo, group -> apply(group, opened));
  }

  private static void apply(Frame group, Index to) throws IOException {
    Map<JobId, Change> changes = new LinkedHashMap<>();
    GroupContent.read(
        group,
        (_, json) -> {
          Entry entry = JobCodec.read(json, Entry.class);
          JobId id = entry.id();
          Optional<JobRecord> before =
              changes.containsKey(id) ? changes.get(id).record() : to.read(view -> view.find(id));
          if (before.isEmpty() && !(entry instanceof Entry.Created)) {
            throw new IOException("it lacks " + id);
          }
          changes.put(id, new Change(id, JobRecord.after(before, entry)));
        });
    to.apply(changes.values(), group.number());
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
