package io.gpurunner.agent.simulation;

import io.gpurunner.agent.callback.CallbackDelivery;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.MemoryLedger;
import io.gpurunner.api.JobId;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Checks the callbacks. The end of each job is reported to the URL that the job named, with its
 * status and its artifact. It is reported under one delivery id until the receiver has taken it,
 * and not again after that. One thread.
 */
final class Callbacks {
  private final Simulation simulation;
  private final Map<String, JobId> jobOfDelivery = new HashMap<>();
  private final Map<String, Long> firstSent = new HashMap<>();
  private final Map<String, Long> lastSent = new HashMap<>();
  private final Set<String> hung = new HashSet<>();
  private final Map<String, Integer> accepted = new HashMap<>();
  private final Map<String, String> wordsOf = new HashMap<>();
  private final Map<String, Taken> taken = new HashMap<>();

  /**
   * A delivery that the receiver took, and whose answer the agent got.
   *
   * @param by the life of the agent that got the answer
   */
  private record Taken(long at, @Nullable SimulatedAgent by) {}

  Callbacks(Simulation simulation) {
    this.simulation = simulation;
  }

  /** A try begins. */
  void sending(CallbackDelivery delivery) {
    JobId id = SimulatedReceiver.jobOf(delivery.body());
    JobTruth truth = simulation.truth(id);
    Optional<JobState> state = truth.seen.map(Job::state);
    boolean success = SimulatedReceiver.isSuccess(delivery.body());
    boolean swept =
        simulation.artifactsHere
            && truth.seen.map(job -> job.files() != JobFiles.KEPT).orElse(false);
    if (success) {
      require(
          state.filter(JobState.Succeeded.class::isInstance).isPresent(),
          "success of " + truth.name() + " is reported, and it is " + state);
      require(
          swept
              || simulation
                  .objects
                  .getOrDefault(id.value(), Map.of())
                  .containsKey(SimulatedStore.MANIFEST),
          "success of " + truth.name() + " is reported, and there is no manifest");
    } else {
      require(
          truth.uploadResumed || state.filter(JobState.Failed.class::isInstance).isPresent(),
          "failure of " + truth.name() + " is reported, and it is " + state);
    }
    requireRightWords(truth, delivery, swept);
    requireStillOwed(delivery);
    long now = simulation.timeline.now();
    firstSent.putIfAbsent(delivery.deliveryId(), now);
    lastSent.put(delivery.deliveryId(), now);
    hung.remove(delivery.deliveryId());
    JobId known = jobOfDelivery.putIfAbsent(delivery.deliveryId(), id);
    require(known == null || known.equals(id), "one delivery id for two jobs");
    if (known == null) {
      truth.deliveries.add(delivery.deliveryId());
      require(
          truth.deliveries.size() == 1 || truth.uploadResumed,
          truth.name() + " ended once and has two delivery ids");
    }
  }

  private void requireRightWords(JobTruth truth, CallbackDelivery delivery, boolean swept) {
    Optional<URI> wanted = truth.seen.flatMap(job -> job.request().callbackUrl());
    require(
        wanted.filter(delivery.url()::equals).isPresent(),
        "the end of " + truth.name() + " is reported to " + delivery.url() + ", not to " + wanted);
    Optional<String> named = SimulatedReceiver.artifactOf(delivery.body());
    Optional<String> meant =
        SimulatedReceiver.isSuccess(delivery.body())
            ? ModelFiles.artifact(truth.modelFiles).map(file -> "/" + truth.id + "/" + file)
            : Optional.empty();
    require(
        named.equals(meant) || (swept && named.isEmpty()),
        "the end of " + truth.name() + " is reported with " + named + ", its artifact is " + meant);
    String words = SimulatedReceiver.isSuccess(delivery.body()) + " " + named;
    String before = wordsOf.putIfAbsent(delivery.deliveryId(), words);
    require(
        before == null || before.equals(words) || swept,
        "one delivery reported " + before + " and then " + words);
  }

  /**
   * Checks that a callback that the receiver took is sent again only if the answer could not be
   * recorded.
   */
  private void requireStillOwed(CallbackDelivery delivery) {
    Taken last = taken.get(delivery.deliveryId());
    require(
        last == null
            || last.by() != simulation.agent().orElse(null)
            || simulation.ledgerFaultAt >= last.at(),
        "the receiver took " + delivery.deliveryId() + ", and it is sent again");
  }

  /** The agent hears that the receiver took the delivery. */
  void answered(CallbackDelivery delivery) {
    taken.put(
        delivery.deliveryId(),
        new Taken(simulation.timeline.now(), simulation.agent().orElse(null)));
  }

  /** The last try of the delivery hung, and was given up when its time was up. */
  void hung(CallbackDelivery delivery) {
    hung.add(delivery.deliveryId());
  }

  void received(JobId id, CallbackDelivery delivery, boolean taken) {
    if (taken) {
      accepted.merge(delivery.deliveryId(), 1, Integer::sum);
    }
  }

  private void requireTriedForLong(MemoryLedger.Callback callback) {
    if (callback.status().equals("ABANDONED") && !simulation.timeline.clockWasSet()) {
      String id = callback.deliveryId();
      long triedFor = lastSent.getOrDefault(id, 0L) - firstSent.getOrDefault(id, 0L);
      // A try that hangs beyond the end of the window is the last one, whenever it began.
      long lastTry = hung.contains(id) ? Timeline.micros(SimulatedReceiver.TRY_LIMIT) : 0;
      require(
          triedFor + lastTry >= Timeline.micros(simulation.callbackRetryFor) - Timeline.MINUTE,
          "given up after " + triedFor / Timeline.SECOND + " s: " + callback);
    }
  }

  /** Called long after the last fault. */
  void settled(List<Job> jobs) {
    Map<JobId, List<MemoryLedger.Callback>> owed = new HashMap<>();
    for (MemoryLedger.Callback callback : simulation.ledger.callbacks()) {
      owed.computeIfAbsent(callback.job(), _ -> new ArrayList<>()).add(callback);
      require(!callback.status().equals("PENDING"), "a callback is still owed: " + callback);
      requireTriedForLong(callback);
      if (callback.status().equals("DELIVERED")) {
        require(
            accepted.containsKey(callback.deliveryId()),
            "recorded as delivered, and never received: " + callback);
      }
    }
    for (Job job : jobs) {
      List<MemoryLedger.Callback> of = owed.getOrDefault(job.id(), List.of());
      long standing = of.stream().filter(each -> !each.status().equals("SUPERSEDED")).count();
      boolean wanted = job.request().callbackUrl().isPresent();
      String name = simulation.truth(job.id()).name();
      boolean resumed = simulation.truth(job.id()).uploadResumed;
      switch (job.state()) {
        case JobState.Succeeded _, JobState.Failed _ ->
            require(
                resumed ? standing >= (wanted ? 1 : 0) : standing == (wanted ? 1 : 0),
                name + " has callbacks " + of);
        case JobState.Deleted _ ->
            require(resumed || of.isEmpty(), name + " was deleted and has callbacks " + of);
        case JobState.Live _ -> {}
      }
    }
  }

  private void require(boolean holds, String what) {
    simulation.invariants.require(holds, what);
  }
}
