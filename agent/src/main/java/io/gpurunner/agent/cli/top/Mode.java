package io.gpurunner.agent.cli.top;

import java.util.List;

/** What the keys are for, and what is drawn. */
sealed interface Mode {
  /** The GPUs and the jobs. */
  record Listing() implements Mode {}

  /** The same, while the user writes a filter. */
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
   */
  record Reading(String job, List<String> lines, int back) implements Mode {
    public Reading {
      lines = List.copyOf(lines);
    }

    /**
     * Returns the output seen from further above.
     *
     * @param page how many lines are seen at a time
     */
    Reading moved(long by, int page) {
      return new Reading(job, lines, Math.clamp(back + by, 0, Math.max(0, lines.size() - page)));
    }

    /** Returns the output with what has come now. */
    Reading with(List<String> newer) {
      return new Reading(job, newer, back);
    }
  }
}
