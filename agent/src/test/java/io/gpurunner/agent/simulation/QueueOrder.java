package io.gpurunner.agent.simulation;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.log.RunLogs;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobRequest;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuDevice.Presence;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuType;
import io.gpurunner.gpu.GpuUuid;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Checks each round of the queue against the machine as it was when the round began. The order that
 * the agent gives the queue keeps priorities, the order of each user's jobs, and the turns of
 * users. No job gets what is not there. Among jobs that want the same thing, the order is kept.
 * What no job ahead can have goes to the next job that can use it. One thread.
 */
final class QueueOrder {
  private static final Comparator<Job> ARRIVAL =
      Comparator.comparingInt((Job job) -> -job.request().priority())
          .thenComparingLong(Job::sequence);

  private final Simulation simulation;
  private Optional<Picture> picture = Optional.empty();
  private List<Job> order = List.of();
  private final Map<JobId, List<GpuUuid>> started = new LinkedHashMap<>();

  QueueOrder(Simulation simulation) {
    this.simulation = simulation;
  }

  /**
   * The machine when a round began.
   *
   * @param queued the queued jobs, by priority and arrival
   * @param leased devices that jobs hold, and that may come free when those jobs end
   */
  private record Picture(
      long began,
      List<Job> queued,
      GpuSnapshot look,
      Set<GpuUuid> leased,
      long diskBytes,
      Gate gate) {}

  /**
   * What keeps jobs in the queue, whatever is free.
   *
   * @param closed whether the agent says that it starts no job
   * @param closedGpus the GPUs of which the agent says that it hands them to no job now
   * @param unreachableGpus those of them of which it says that they reach no container. It tries
   *     the others first, and their place in the queue stays
   * @param trialFailed whether it saw last that no container can be started
   * @param refusedGpus the GPUs of which it saw last that no container with them can be started
   */
  record Gate(
      boolean closed,
      Set<GpuUuid> closedGpus,
      Set<GpuUuid> unreachableGpus,
      boolean trialFailed,
      Set<GpuUuid> refusedGpus,
      Instant now) {}

  /** Returns the jobs by priority and arrival. */
  static List<Job> sorted(List<Job> queued) {
    return queued.stream().sorted(ARRIVAL).toList();
  }

  /** A round begins. */
  void deciding(JobLedger ledger, GpuSnapshot look, Gate gate) {
    started.clear();
    order = List.of();
    List<Job> queued =
        ledger.live().stream()
            .filter(job -> job.state() instanceof JobState.Queued)
            .sorted(ARRIVAL)
            .toList();
    // A commit whose outcome is unknown may be a lease.
    picture =
        queued.isEmpty() || simulation.hasUnsettled()
            ? Optional.empty()
            : Optional.of(
                new Picture(
                    simulation.timeline.now(),
                    queued,
                    look,
                    Set.copyOf(ledger.leases().keySet()),
                    unpromised(ledger),
                    gate));
  }

  /** The agent has put the queue in an order. */
  void ordered(List<Job> queue) {
    order = queue;
    for (int at = 0; at < queue.size(); at++) {
      for (Job behind : queue.subList(at + 1, queue.size())) {
        requireOrder(queue.get(at), behind);
      }
    }
  }

  private void requireOrder(Job ahead, Job behind) {
    String both =
        simulation.truth(ahead.id()).name()
            + " is ahead of "
            + simulation.truth(behind.id()).name()
            + ", ";
    require(
        ahead.request().priority() >= behind.request().priority(),
        both + "which has a higher priority");
    if (!areEquals(ahead, behind)) {
      return;
    }
    require(
        !ahead.user().equals(behind.user()) || ahead.sequence() < behind.sequence(),
        both + "which is of the same user and came before it");
    boolean isFirst =
        order.stream().noneMatch(job -> isOwn(job, behind) && job.sequence() < behind.sequence());
    boolean hadTurn =
        order.stream()
            .anyMatch(
                job ->
                    isOwn(job, ahead) && job.sequence() < ahead.sequence() && surelyTakesTurn(job));
    require(
        !(isFirst && hadTurn),
        both + "which is the first of its user, while the other's user has his turn before");
  }

  private static boolean isOwn(Job job, Job other) {
    return job.user().equals(other.user()) && areEquals(job, other);
  }

  private static boolean areEquals(Job one, Job other) {
    return one.request().priority() == other.request().priority()
        && (wantSameGpus(one, other)
            || one.request().gpuNumber() + other.request().gpuNumber() == 0);
  }

  /** Returns whether only other jobs keep this one waiting, as far as the look shows. */
  private boolean surelyTakesTurn(Job job) {
    return picture
        .filter(round -> job.setback().isEmpty() && !round.gate().closed())
        .filter(round -> round.look().fault().isEmpty())
        .filter(_ -> 2 * need(job.request()) <= simulation.machine.freeBytes())
        .filter(
            round ->
                round.look().devices().stream()
                        .filter(device -> device.type().normalised().equals(typeOf(job)))
                        .filter(device -> device.presence() == Presence.READABLE)
                        .filter(device -> device.fault().isEmpty())
                        .filter(device -> device.processes().isEmpty())
                        .filter(device -> !round.gate().closedGpus().contains(device.uuid()))
                        .count()
                    >= job.request().gpuNumber())
        .isPresent();
  }

  /** Returns the jobs of a round in the order of the queue; empty if that is not known. */
  private Optional<List<Job>> inOrder(List<Job> queued) {
    Map<JobId, Job> byId = new LinkedHashMap<>();
    queued.forEach(job -> byId.put(job.id(), job));
    List<Job> known =
        order.stream().flatMap(job -> Optional.ofNullable(byId.get(job.id())).stream()).toList();
    return known.size() == queued.size() && order.size() == queued.size()
        ? Optional.of(known)
        : Optional.empty();
  }

  private long unpromised(JobLedger ledger) {
    long promised = 0;
    for (Job job : ledger.live()) {
      promised +=
          switch (job.state()) {
            case JobState.Placed _ -> need(job.request());
            case JobState.Uploading _ -> artifacts(job.request());
            case JobState.Queued _, JobState.Final _ -> 0;
          };
    }
    return simulation.machine.freeBytes() - promised;
  }

  private long need(JobRequest request) {
    return (request.ckptVolumeMegabytes() + request.modelVolumeMegabytes()) * Machine.MEGABYTE
        + artifacts(request)
        + RunLogs.MOST_BYTES_OF_A_RUN;
  }

  private long artifacts(JobRequest request) {
    return simulation.artifactsHere ? request.modelVolumeMegabytes() * Machine.MEGABYTE : 0;
  }

  /** A job left the queue. */
  void leased(JobId job, List<GpuUuid> gpus) {
    started.put(job, gpus);
  }

  /** The round is over, and all its leases are recorded. */
  void decided(Gate gate) {
    Optional<Picture> round = picture;
    picture = Optional.empty();
    // A lease that could not be recorded leaves a gap, and the round goes on.
    round
        .filter(taken -> simulation.ledgerFaultAt < taken.began())
        .ifPresent(
            taken ->
                inOrder(taken.queued()).ifPresent(queue -> new Judge(taken, queue, gate).judge()));
  }

  /**
   * A job that goes on waiting, and what was free when its turn came.
   *
   * @param isHeldBack whether a job ahead of it waits for the same GPUs, and may get them
   * @param isPrevented whether it may not start now, whatever is free
   */
  private record Waiter(
      Job job, boolean hasGpus, boolean hasDisk, boolean isHeldBack, boolean isPrevented) {
    boolean couldStart() {
      return hasGpus && hasDisk && !isHeldBack && !isPrevented;
    }
  }

  /** Goes through one round in the order of the queue. */
  private final class Judge {
    private final Picture round;
    private final List<Job> queue;
    private final Gate after;
    private final Set<GpuUuid> free = new HashSet<>();

    /** The GPUs that were closed at the beginning or at the end. */
    private final Set<GpuUuid> closed = new HashSet<>();

    /** The GPUs of which the agent said at the beginning or at the end that none can have them. */
    private final Set<GpuUuid> unreachable = new HashSet<>();

    /** The GPUs that were closed at the beginning or at the end, and that nothing else keeps. */
    private final Set<GpuUuid> tried = new HashSet<>();

    private final Map<GpuUuid, String> types = new HashMap<>();
    private final List<Waiter> waiters = new ArrayList<>();
    private long diskBytes;

    /**
     * Says which job waits for nothing. It is reported last, because another job may have got what
     * this one could have had.
     */
    private Optional<String> idle = Optional.empty();

    /**
     * @param queue the queued jobs, in the order of the queue
     * @param after what kept jobs in the queue when the round ended
     */
    Judge(Picture round, List<Job> queue, Gate after) {
      this.queue = queue;
      this.after = after;
      this.round = round;
      this.diskBytes = round.diskBytes();
      closed.addAll(round.gate().closedGpus());
      closed.addAll(after.closedGpus());
      unreachable.addAll(round.gate().unreachableGpus());
      unreachable.addAll(after.unreachableGpus());
      Set<GpuUuid> closedThroughout = new HashSet<>(round.gate().closedGpus());
      closedThroughout.retainAll(after.closedGpus());
      for (GpuDevice device : round.look().devices()) {
        types.put(device.uuid(), device.type().normalised());
        if (round.look().fault().isEmpty()
            && isFree(device)
            && !closedThroughout.contains(device.uuid())) {
          free.add(device.uuid());
        }
        if (round.look().fault().isEmpty() && isFree(device) && closed.contains(device.uuid())) {
          tried.add(device.uuid());
        }
      }
    }

    private boolean isFree(GpuDevice device) {
      return device.presence() == Presence.READABLE
          && device.fault().isEmpty()
          && device.processes().isEmpty()
          && !round.leased().contains(device.uuid());
    }

    void judge() {
      if (!queue.stream().allMatch(this::isSettled)) {
        return; // what was decided for a job that was deleted meanwhile is not known
      }
      for (Job job : queue) {
        List<GpuUuid> gpus = started.get(job.id());
        if (gpus != null) {
          start(job, gpus);
        } else {
          wait(job);
        }
      }
      idle.ifPresent(words -> require(false, words));
    }

    private boolean isSettled(Job job) {
      return started.containsKey(job.id())
          || simulation.truth(job.id()).seen.filter(job::equals).isPresent();
    }

    private void start(Job job, List<GpuUuid> gpus) {
      String name = simulation.truth(job.id()).name();
      require(
          !(round.gate().trialFailed() && after.trialFailed()),
          name + " was placed, and the agent knows that no container can be started");
      require(
          gpus.stream()
              .noneMatch(
                  gpu ->
                      round.gate().refusedGpus().contains(gpu)
                          && after.refusedGpus().contains(gpu)),
          name + " was placed, and the agent knows that one of its GPUs reaches no container");
      require(
          job.setback().filter(setback -> setback.holdsBack(after.now())).isEmpty(),
          name + " was placed before the time of its next try: " + job.setback());
      require(free.containsAll(gpus), name + " was placed on " + gpus + ", free are " + free);
      require(
          need(job.request()) <= diskBytes,
          name + " was placed, and the disk has only " + diskBytes + " bytes for it");
      for (Waiter waiter : waiters) {
        String other = simulation.truth(waiter.job().id()).name();
        long left = diskBytes - need(job.request());
        boolean compete = wantSameGpus(waiter.job(), job) || need(waiter.job().request()) > left;
        require(
            !(waiter.couldStart() && compete),
            name
                + " was placed before "
                + other
                + ", which is ahead of it and could start; queued were "
                + queue());
        require(
            !(wantSameGpus(waiter.job(), job)
                && waiter.hasDisk()
                && !waiter.isPrevented()
                && waitsForLeases(waiter.job())),
            name
                + " was placed before "
                + other
                + ", which waits for devices that jobs hold; queued were "
                + queue());
      }
      free.removeAll(gpus);
      diskBytes -= need(job.request());
    }

    private void wait(Job job) {
      // All that the jobs ahead of it want may be kept for them.
      long kept =
          waiters.stream()
              .filter(earlier -> !earlier.isPrevented())
              .mapToLong(earlier -> need(earlier.job().request()))
              .sum();
      boolean heldBack =
          waiters.stream()
              .filter(earlier -> !earlier.isPrevented())
              .anyMatch(earlier -> wantSameGpus(earlier.job(), job) && mayCome(earlier.job()));
      Waiter waiter =
          new Waiter(
              job,
              job.request().gpuNumber() <= count(free, job),
              need(job.request()) <= diskBytes - kept,
              heldBack,
              isPrevented(job));
      if (waiter.couldStart() && idle.isEmpty()) {
        idle =
            Optional.of(
                simulation.truth(job.id()).name()
                    + " waits for nothing: "
                    + free
                    + " are free, and nobody ahead of it can have them; queued were "
                    + queue());
      }
      waiters.add(waiter);
    }

    private boolean isPrevented(Job job) {
      return round.gate().closed()
          || after.closed()
          || job.setback().filter(setback -> setback.holdsBack(round.gate().now())).isPresent();
    }

    /** Returns the queue, with what each job wants, for messages. */
    private String queue() {
      return queue.stream()
          .map(
              job ->
                  simulation.truth(job.id()).name()
                      + " for "
                      + job.request().gpuNumber()
                      + " × "
                      + typeOf(job)
                      + " and "
                      + need(job.request())
                      + " of "
                      + round.diskBytes()
                      + " bytes")
          .toList()
          .toString();
    }

    /** Returns how many of the devices the job can surely get. */
    private long count(Set<GpuUuid> devices, Job job) {
      return devices.stream()
          .filter(uuid -> !closed.contains(uuid) && typeOf(job).equals(types.get(uuid)))
          .count();
    }

    /** Returns whether jobs hold all the devices that it waits for, as far as the look shows. */
    private boolean waitsForLeases(Job job) {
      boolean sound =
          round.look().fault().isEmpty()
              && round.look().devices().stream()
                  .filter(device -> typeOf(job).equals(types.get(device.uuid())))
                  .allMatch(
                      device ->
                          device.presence() == Presence.READABLE
                              && !unreachable.contains(device.uuid())
                              && (isFree(device) || round.leased().contains(device.uuid())));
      return sound && job.request().gpuNumber() > count(free, job) && mayCome(job);
    }

    /** Returns whether enough devices can come free when jobs end. */
    private boolean mayCome(Job job) {
      Set<GpuUuid> coming = new HashSet<>(free);
      coming.addAll(tried);
      coming.addAll(round.leased());
      started.values().forEach(coming::addAll);
      long number = coming.stream().filter(uuid -> typeOf(job).equals(types.get(uuid))).count();
      return job.request().gpuNumber() <= number;
    }
  }

  private static boolean wantSameGpus(Job one, Job other) {
    return one.request().gpuNumber() > 0
        && other.request().gpuNumber() > 0
        && typeOf(one).equals(typeOf(other));
  }

  private static String typeOf(Job job) {
    return GpuType.ofProductName(job.request().gpuType()).normalised();
  }

  private void require(boolean holds, String what) {
    simulation.invariants.require(holds, what);
  }
}
