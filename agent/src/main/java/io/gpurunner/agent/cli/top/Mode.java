package io.gpurunner.agent.cli.top;

import java.util.List;
import java.util.Optional;

/** What the keys are for, and what is drawn. */
sealed interface Mode {
  /** The GPUs and the jobs. */
  record Listing() implements Mode {}

  /** The GPUs and the jobs, while the user writes a filter. */
  record Filtering() implements Mode {}

  /**
   * The same, while the user is asked whether to cancel a job.
   *
   * @param words the job in words
   */
  record Asking(String job, String words) implements Mode {}

  /** The keys. */
  record Helping() implements Mode {}

  /**
   * The output of a job.
   *
   * @param lines what has come; empty if nothing has
   * @param back how many lines the user is above the end
   * @param failure why nothing newer has come; empty if it has
   */
  record Reading(String job, List<String> lines, int back, Optional<String> failure)
      implements Mode {
    public Reading {
      lines = List.copyOf(lines);
    }

    /**
     * Returns the output seen from further above.
     *
     * @param page how many lines are seen at a time
     */
    Reading moved(long by, int page) {
      int most = Math.max(0, lines.size() - page);
      return new Reading(job, lines, Math.clamp(back + by, 0, most), failure);
    }

    /** Returns the output with what has come now. */
    Reading with(List<String> newer) {
      return new Reading(job, newer, back, Optional.empty());
    }

    /** Returns the output after it could not be read. */
    Reading failed(String why) {
      return new Reading(job, lines, back, Optional.of(why));
    }
  }
}
