package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.container.LabelledContainer;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.run.NextStep.Boot;
import io.gpurunner.agent.run.NextStep.Phase;
import io.gpurunner.agent.run.NextStep.Seen;
import io.gpurunner.agent.run.NextStep.Verdict;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes orphans: containers that carry this agent's label and belong to no job of the ledger.
 * They are left when a ledger is replaced by an older copy. An administrator has some minutes to
 * look at them before they are removed. Containers without the label are never touched.
 */
public final class Orphans implements AutoCloseable {
  /** The time from the first look that found an orphan to its removal. */
  static final Duration GRACE = Duration.ofMinutes(5);

  private static final Duration ROUND_INTERVAL = Duration.ofSeconds(30);

  private static final Logger log = LoggerFactory.getLogger(Orphans.class);

  private final JobLedger ledger;
  private final ContainerRuntime containers;
  private final Clock clock;
  private final Rounds rounds = new Rounds("orphans", this::round);
  private Map<LabelledContainer, Instant> foundAt = Map.of();

  public Orphans(JobLedger ledger, ContainerRuntime containers, Clock clock) {
    this.ledger = ledger;
    this.containers = containers;
    this.clock = clock;
  }

  /** Starts the rounds. Called once. */
  public void start() {
    rounds.startLater();
  }

  /** Makes one round. Called by the loop, and by tests instead of it. */
  Duration round() {
    Instant now = clock.instant();
    try {
      // The containers are listed before the jobs, so that a container that is created in between
      // is not taken for an orphan.
      List<LabelledContainer> listed = containers.list();
      List<ContainerRef> wanted = wanted();
      List<LabelledContainer> orphans =
          listed.stream().filter(found -> wanted.stream().noneMatch(found::is)).toList();
      Map<LabelledContainer, Instant> known = foundAt;
      Map<LabelledContainer, Instant> found = new LinkedHashMap<>();
      orphans.forEach(orphan -> found.put(orphan, foundBefore(known, orphan, now)));
      foundAt = found;
      for (LabelledContainer orphan : orphans) {
        if (!now.isBefore(found.getOrDefault(orphan, now).plus(GRACE))) {
          discard(orphan);
        }
      }
    } catch (ContainerException e) {
      log.debug("the containers could not be listed", e); // readiness reports it
    }
    return ROUND_INTERVAL;
  }

  /** Removes one orphan. If it cannot be removed, the others still are. */
  private void discard(LabelledContainer orphan) {
    try {
      containers.discard(orphan);
      log.warn(
          "container {} was removed: it belonged to no job of this agent", orphan.engineName());
    } catch (ContainerException e) {
      log.warn(
          "container {} belongs to no job of this agent and cannot be removed: {}",
          orphan.engineName(),
          e.getMessage());
    }
  }

  private static Instant foundBefore(
      Map<LabelledContainer, Instant> known, LabelledContainer orphan, Instant now) {
    Instant before = known.get(orphan);
    if (before == null) {
      log.warn(
          "container {} carries this agent's label and belongs to no job that has one: it is"
              + " removed in {} min",
          orphan.engineName(),
          GRACE.toMinutes());
      return now;
    }
    return before;
  }

  /** Returns the containers that live jobs have or will have. */
  private List<ContainerRef> wanted() {
    return ledger.live().stream()
        .filter(job -> NextStep.of(Phase.of(job.state()), Seen.RUNNING, Boot.SAME) != Verdict.REAP)
        .flatMap(job -> ContainerLooks.containerOf(job).stream())
        .toList();
  }

  @Override
  public void close() {
    rounds.close();
  }
}
