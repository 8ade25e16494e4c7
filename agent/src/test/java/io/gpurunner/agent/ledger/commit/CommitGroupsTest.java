package io.gpurunner.agent.ledger.commit;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How many commits share a sync. */
final class CommitGroupsTest {
  private static final int GROUP_LIMIT = 512;
  private static final int COMMITS = 2 * GROUP_LIMIT + 10;

  @Test
  @Timeout(120)
  void soManyShareASyncAndOneThatComesAloneAfterwardsWaitsForNoOthers() {
    CountingGroup group = new CountingGroup();
    try (CommitThread commits = new CommitThread(group)) {
      AtomicInteger entered = new AtomicInteger();
      AtomicInteger done = new AtomicInteger();
      for (int commit = 0; commit < COMMITS; commit++) {
        Thread.ofVirtual()
            .start(
                () -> {
                  entered.incrementAndGet();
                  commits.commit(() -> "");
                  done.incrementAndGet();
                });
      }
      // The first sync is held until all wait behind it.
      Awaitility.await().atMost(Duration.ofMinutes(1)).until(() -> entered.get() == COMMITS);
      group.held.complete(true);
      Awaitility.await().atMost(Duration.ofMinutes(1)).until(() -> done.get() == COMMITS);
      assertThat(group.sizes).allMatch(size -> size <= GROUP_LIMIT);
      assertThat(group.sizes.stream().mapToInt(Integer::intValue).sum()).isEqualTo(COMMITS);
      assertThat(group.sizes.size()).isLessThan(COMMITS / 10);

      commits.commit(() -> "");
      assertThat(group.sizes).endsWith(1);
    }
  }

  private static final class CountingGroup implements GroupCommit.Group {
    final List<Integer> sizes = new CopyOnWriteArrayList<>();
    final CompletableFuture<Boolean> held = new CompletableFuture<>();
    private int size;

    @Override
    public void begin() {
      size = 0;
    }

    @Override
    public void undoLast() {}

    @Override
    public void keepLast() {
      size++;
    }

    @Override
    public void record() {
      held.join();
    }

    @Override
    public void publish() {
      sizes.add(size);
    }

    @Override
    public void rest() {}
  }
}
