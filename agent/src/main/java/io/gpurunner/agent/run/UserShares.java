package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.run.Placement.Obstacle;
import java.util.List;
import java.util.Optional;

/**
 * What one user may have at a time, in one round of decisions: jobs, GPUs, jobs without GPUs. A job
 * that lacks it waits for its user's own jobs, and holds back no job of others. For one thread.
 */
final class UserShares {
  private final UserLimits limits;
  private final Share jobs;
  private final Share gpus;
  private final Share withoutGpus;

  /**
   * @param placed the user's placed jobs, sorted by {@link Placement#ORDER}
   */
  UserShares(UserLimits limits, List<Job> placed) {
    this.limits = limits;
    this.jobs = new Share(limits.placedJobs(), placed, _ -> 1);
    this.gpus =
        new Share(
            limits.gpus().orElse(Integer.MAX_VALUE), placed, job -> job.request().gpuNumber());
    this.withoutGpus = new Share(limits.jobsWithoutGpus(), placed, UserShares::placesOf);
  }

  static int placesOf(Job job) {
    return Placement.needsPlace(job) ? 1 : 0;
  }

  void take(Job job) {
    jobs.take(1);
    gpus.take(job.request().gpuNumber());
    withoutGpus.take(placesOf(job));
  }

  /** Keeps its part for a job that waits, against the jobs of the same user behind it. */
  void keepFor(Job job) {
    jobs.keepFor(job, 1);
    if (Placement.needsPlace(job)) {
      withoutGpus.keepFor(job, 1);
    } else {
      gpus.keepFor(job, job.request().gpuNumber());
    }
  }

  /** Returns whether the job waits for the ends of its user's own jobs. */
  boolean waitsForOwn(Job job) {
    return jobs.free() < 1
        || withoutGpus.free() < placesOf(job)
        || gpus.free() < job.request().gpuNumber();
  }

  /** Returns what the job lacks of its user's part. It is empty if it can have it. */
  Optional<Obstacle> obstacle(Job job) {
    String user = job.user();
    int number = job.request().gpuNumber();
    if (withoutGpus.free() < placesOf(job)) {
      return Optional.of(
          new Obstacle(
              WaitReason.PLACE,
              "a place: %d jobs without GPUs of %s are running, the most of one user at a time (limits.jobs-without-gpus)"
                  .formatted(limits.jobsWithoutGpus(), user)));
    }
    if (gpus.free() < number) {
      return limit(
          "%s's own jobs to end: he uses %d GPUs and may use %d at a time (limits.gpus), and it needs %d"
              .formatted(
                  user,
                  limits.gpus().orElse(Integer.MAX_VALUE) - gpus.free(),
                  limits.gpus().orElse(Integer.MAX_VALUE),
                  number));
    }
    if (jobs.free() < 1) {
      return limit(
          "%s's own jobs to end: %d of them hold something, the most of one user at a time (limits.placed-jobs)"
              .formatted(user, limits.placedJobs()));
    }
    if (!withoutGpus.has(placesOf(job))) {
      return Optional.of(
          new Obstacle(WaitReason.PLACE, "a place behind a job without GPUs ahead of it"));
    }
    return jobs.has(1) && gpus.has(number)
        ? Optional.empty()
        : limit("a job of %s ahead of it, which comes first within his limits".formatted(user));
  }

  private static Optional<Obstacle> limit(String words) {
    return Optional.of(new Obstacle(WaitReason.LIMIT, words));
  }
}
