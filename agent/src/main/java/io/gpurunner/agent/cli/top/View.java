package io.gpurunner.agent.cli.top;

import io.gpurunner.agent.cli.job.JobView;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What the user has chosen to see.
 *
 * @param row where the chosen job is in the list
 * @param chosen its id; empty until there is one. It stays the same when the list changes
 * @param filter what the listed jobs have in their id, user, name, state or GPU type
 */
record View(Mode mode, int row, Optional<String> chosen, Order order, String filter) {
  static final View FIRST = new View(new Mode.Listing(), 0, Optional.empty(), Order.QUEUE, "");

  /** Returns the jobs that are listed, in their order. */
  List<JobView> listed(List<JobView> jobs) {
    return jobs.stream().filter(this::isListed).sorted(order.comparator()).toList();
  }

  private boolean isListed(JobView job) {
    String wanted = filter.toLowerCase(Locale.ROOT);
    return Stream.of(
            job.id(),
            job.user().orElse(""),
            job.name().orElse(""),
            job.stateWord(),
            job.shortGpus())
        .anyMatch(text -> text.toLowerCase(Locale.ROOT).contains(wanted));
  }

  /**
   * Returns the view with a choice that the list has. If the job is gone, the next one is chosen.
   */
  View settled(List<JobView> listed) {
    for (int at = 0; at < listed.size(); at++) {
      if (Optional.of(listed.get(at).id()).equals(chosen)) {
        return new View(mode, at, chosen, order, filter);
      }
    }
    return at(row, listed);
  }

  /** Returns the view with the choice moved. */
  View moved(long by, List<JobView> listed) {
    return at(row + by, listed);
  }

  private View at(long wanted, List<JobView> listed) {
    if (listed.isEmpty()) {
      return new View(mode, 0, Optional.empty(), order, filter);
    }
    int at = Math.clamp(wanted, 0, listed.size() - 1);
    return new View(mode, at, Optional.of(listed.get(at).id()), order, filter);
  }

  View in(Mode other) {
    return new View(other, row, chosen, order, filter);
  }

  View by(Order other) {
    return new View(mode, row, chosen, other, filter);
  }

  View filteredBy(String text) {
    return new View(mode, row, chosen, order, text);
  }
}
