package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.Caller;
import io.gpurunner.api.JobId;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How many jobs there are, through creation, refusal, removal and a start. */
class JobCountsTest {
  private static final Clock CLOCK =
      Clock.fixed(Instant.parse("2026-01-01T00:00:00Z"), ZoneOffset.UTC);

  @TempDir Path directory;

  private JobLedger open() {
    return JobLedger.open(directory.resolve("ledger"), CLOCK);
  }

  private static JobId create(JobLedger ledger, Caller user) {
    return ledger.create(user, Requests.simple().build(), "{}", Optional.empty()).id();
  }

  private static void assertCounts(JobLedger ledger, long ann, long bob) {
    assertThat(
            List.of(
                ledger.count(Optional.of("ann")),
                ledger.count(Optional.of("bob")),
                ledger.count(Optional.of("nobody")),
                ledger.count(Optional.empty())))
        .containsExactly(ann, bob, 0L, ann + bob);
  }

  @Test
  void theyAreThoseOfTheRows() {
    try (JobLedger ledger = open()) {
      assertCounts(ledger, 0, 0);
      JobId first = create(ledger, Requests.ANN);
      create(ledger, Requests.ANN);
      create(ledger, Requests.BOB);
      ledger.create(Requests.ANN, Requests.simple().build(), "{}", Optional.of("key"));
      ledger.create(Requests.ANN, Requests.simple().build(), "{}", Optional.of("key"));
      assertCounts(ledger, 3, 1);
      assertThatThrownBy(
              () ->
                  ledger.create(
                      Requests.BOB,
                      Requests.simple().resumeFrom(first).build(),
                      "{}",
                      Optional.empty()))
          .isInstanceOf(LedgerException.class);
      ledger.requestDeletion(first, "ann"); // an end changes no count
      assertCounts(ledger, 3, 1);
    }
    try (JobLedger ledger = open()) {
      assertCounts(ledger, 3, 1);
      create(ledger, Requests.BOB);
      assertCounts(ledger, 3, 2);
    }
  }

  @Test
  void aRecordThatIsRemovedIsNotCounted() {
    try (JobLedger ledger = open()) {
      for (String user : List.of("ann", "bob", "ann")) {
        JobId id = create(ledger, new Caller(user, false));
        ledger.requestDeletion(id, user);
        ledger.giveFilesUp(id);
        ledger.swept(id);
      }
      create(ledger, Requests.BOB);
      assertCounts(ledger, 2, 2);
      assertThat(ledger.forget(CLOCK.instant().plusSeconds(1), 1_000, 2)).isEqualTo(2);
      assertCounts(ledger, 1, 1);
      assertThat(ledger.forget(CLOCK.instant().plusSeconds(1), 1_000, 2)).isEqualTo(1);
      assertCounts(ledger, 0, 1);
    }
    try (JobLedger ledger = open()) {
      assertCounts(ledger, 0, 1);
    }
  }
}
