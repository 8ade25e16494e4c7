package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.Test;

/** What is answered is synced; and the disk of these tests shows it where something is not. */
class CutDiskTest {
  private static final int COMMITS = 25;
  private static final int CUTS = 300;
  private static final int COMMITS_AFTER_START = 5;

  @Test
  void nothingIsAnsweredBeforeItIsSynced() {
    try (CutDisk disk = new CutDisk();
        JobLedger ledger = open(disk)) {
      LedgerStory story = new LedgerStory(ledger, Map.of(), new Random(1));
      for (int i = 0; i < COMMITS; i++) {
        story.next();
        LedgerStory.Content answered = LedgerStory.Content.of(ledger);
        try (CutDisk left = disk.afterWorstCut(disk.stepCount());
            JobLedger found = open(left)) {
          assertThat(LedgerStory.Content.of(found)).isEqualTo(answered);
        }
      }
    }
  }

  @Test
  void aDiskThatOnlySaysThatItSyncsIsFoundOut() {
    try (CutDisk disk = new CutDisk();
        JobLedger ledger = open(disk)) {
      disk.lieAboutSyncs();
      Job answered = new LedgerStory(ledger, Map.of(), new Random(1)).next().job().orElseThrow();
      try (CutDisk left = disk.afterWorstCut(disk.stepCount());
          JobLedger found = open(left)) {
        assertThat(found.find(answered.id())).isEmpty();
      }
    }
  }

  /**
   * The process that met the failing sync is gone, what it wrote can still be read, and later syncs
   * pass without writing it: only the mark beside the file tells the next process.
   */
  @Test
  void afterASyncThatFailedTheNextProcessWritesTheDatabaseAnew() {
    // Without a journal a commit fails; with one, what was answered is written when it is closed.
    for (int journalBytes : new int[] {0, LedgerJournal.BYTES}) {
      LedgerSizes sizes = new LedgerSizes(Long.MAX_VALUE, journalBytes);
      try (CutDisk disk = new CutDisk()) {
        JobLedger ledger = JobLedger.open(disk.place(), LedgerStory.CLOCK, sizes);
        LedgerStory story = new LedgerStory(ledger, Map.of(), new Random(1));
        for (int i = 0; i < COMMITS; i++) {
          story.next();
        }
        ledger.listen(_ -> disk.failSyncs(0, Integer.MAX_VALUE)); // once the next is on disk
        Set<JobId> answered = new HashSet<>(story.jobs().keySet());
        answered.add(create(ledger));
        if (journalBytes == 0) {
          assertThatThrownBy(() -> create(ledger)).isInstanceOf(LedgerException.class);
        }
        ledger.close();
        requireMarkIsNeeded(disk, answered, sizes);
      }
    }
  }

  private static JobId create(JobLedger ledger) {
    return ledger.create(Requests.ANN, Requests.simple().build(), "{}", Optional.empty()).id();
  }

  private static void requireMarkIsNeeded(CutDisk disk, Set<JobId> answered, LedgerSizes sizes) {
    try (CutDisk next = disk.afterKill(disk.stepCount())) {
      assertThat(holdsAfterStartAndCut(next, answered, sizes)).isTrue();
    }
    try (CutDisk next = disk.afterKill(disk.stepCount())) {
      next.remove("ledger.mv.db.unsynced");
      assertThat(holdsAfterStartAndCut(next, answered, sizes))
          .as("without the mark, this test sees a loss")
          .isFalse();
    }
  }

  private static boolean holdsAfterStartAndCut(
      CutDisk disk, Set<JobId> answered, LedgerSizes sizes) {
    try (JobLedger ledger = JobLedger.open(disk.place(), LedgerStory.CLOCK, sizes)) {
      Map<JobId, Job> found = LedgerStory.jobsOf(ledger);
      assertThat(found.keySet()).containsAll(answered);
      LedgerStory story = new LedgerStory(ledger, found, new Random(2));
      boolean holds = true;
      for (int i = 0; i < COMMITS_AFTER_START && holds; i++) {
        story.next();
        holds = holdsAfterCut(disk, story.jobs(), sizes);
      }
      return holds;
    }
  }

  private static boolean holdsAfterCut(CutDisk disk, Map<JobId, Job> jobs, LedgerSizes sizes) {
    try (CutDisk left = disk.afterWorstCut(disk.stepCount());
        JobLedger ledger = JobLedger.open(left.place(), LedgerStory.CLOCK, sizes)) {
      return LedgerStory.jobsOf(ledger).equals(jobs);
    } catch (LedgerException lost) {
      return false;
    }
  }

  /** Were this to fail, H2 has mended it, and the seals could go. */
  @Test
  void withoutSealsH2LosesWhatWasSynced() throws SQLException {
    assertThat(cutsThatLose("cut:")).isPositive();
    assertThat(cutsThatLose(SealedFiles.over("cut:"))).isZero();
  }

  private record Answered(int step, int rows) {}

  private static int cutsThatLose(String scheme) throws SQLException {
    int lost = 0;
    try (CutDisk disk = new CutDisk()) {
      List<Answered> answers = write(scheme, disk);
      Random random = new Random(1);
      for (int i = 0; i < CUTS; i++) {
        int step =
            answers.getFirst().step()
                + random.nextInt(disk.stepCount() - answers.getFirst().step() + 1);
        int least =
            answers.stream()
                .filter(answer -> answer.step() <= step)
                .mapToInt(Answered::rows)
                .max()
                .orElseThrow();
        try (CutDisk left = disk.afterCut(step, random)) {
          lost += holds(scheme, left, least) ? 0 : 1;
        }
      }
    }
    return lost;
  }

  private static List<Answered> write(String scheme, CutDisk disk) throws SQLException {
    List<Answered> answers = new ArrayList<>();
    try (Connection connection = connect(scheme, disk);
        Statement statement = connection.createStatement()) {
      statement.execute("create table t (id int primary key, text varchar)");
      statement.execute("checkpoint sync");
      answers.add(new Answered(disk.stepCount(), 0));
      for (int i = 1; i <= COMMITS; i++) {
        statement.execute("insert into t values (" + i + ", '" + "x".repeat(9000) + "')");
        statement.execute("checkpoint sync");
        answers.add(new Answered(disk.stepCount(), i));
      }
    }
    return answers;
  }

  private static Connection connect(String scheme, CutDisk disk) throws SQLException {
    return DriverManager.getConnection(
        "jdbc:h2:"
            + scheme
            + disk.place().database()
            + ";DB_CLOSE_ON_EXIT=FALSE;REUSE_SPACE=FALSE;AUTO_COMPACT_FILL_RATE=0");
  }

  private static boolean holds(String scheme, CutDisk disk, int least) {
    try (Connection connection = connect(scheme, disk)) {
      long sum =
          LedgerSchema.number(connection, "select count(*) from t where length(text) = 9000");
      return sum >= least;
    } catch (SQLException e) {
      return false;
    }
  }

  @Test
  void aCutWhileAnOlderFileIsBroughtToItsNewFormLeavesOneOrTheOther()
      throws IOException, SQLException {
    try (CutDisk disk = new CutDisk()) {
      Flyway.configure()
          .dataSource(LedgerSchema.source(disk.place(), ""))
          .locations("classpath:db/migration")
          .target("1")
          .load()
          .migrate();
      try (Connection connection = LedgerSchema.source(disk.place(), "").getConnection();
          Statement statement = connection.createStatement()) {
        statement.execute("insert into idempotency_key values ('ann', 'k', 'digest', 'job', 1)");
        statement.execute("checkpoint sync");
      }
      disk.syncNames();
      int before = disk.stepCount();
      open(disk).close();
      Random random = new Random(1);
      for (int step = before; step <= disk.stepCount(); step++) {
        for (int i = 0; i < 3; i++) {
          try (CutDisk left = disk.afterCut(step, random)) {
            open(left).close();
            assertThat(keys(left)).isEqualTo(1);
          }
        }
      }
    }
  }

  private static long keys(CutDisk disk) throws SQLException {
    try (Connection connection = LedgerSchema.source(disk.place(), "").getConnection()) {
      assertThat(LedgerSchema.versionOf(connection)).hasValue(LedgerSchema.NEWEST);
      return LedgerSchema.number(connection, "select count(*) from idempotency_key");
    }
  }

  private static JobLedger open(CutDisk disk) {
    return JobLedger.open(disk.place(), LedgerStory.CLOCK, new LedgerSizes(Long.MAX_VALUE, 4_096));
  }
}
