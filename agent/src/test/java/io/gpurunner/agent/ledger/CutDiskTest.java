package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.Job;
import io.gpurunner.api.JobId;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What is answered is synced; and the disk of these tests shows it where something is not. */
class CutDiskTest {
  private static final int COMMITS = 25;
  private static final int CUTS = 300;
  private static final int FAILING_SYNCS = 5;

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
      assertThat(holdsAfterWorstCut(disk, answered.id())).isFalse();
    }
  }

  private static boolean holdsAfterWorstCut(CutDisk disk, JobId id) {
    try (CutDisk left = disk.afterWorstCut(disk.stepCount());
        JobLedger found = open(left)) {
      return found.find(id).isPresent();
    } catch (LedgerException refused) {
      return false;
    }
  }

  /**
   * The process that met the failing sync is gone, what it wrote can still be read, and later syncs
   * pass without writing it: what the next process reports must be on disk all the same.
   */
  @Test
  void afterASyncThatFailedTheNextProcessReportsOnlyWhatIsOnDisk() {
    for (int failing = 1; failing < FAILING_SYNCS; failing++) {
      try (CutDisk disk = new CutDisk()) {
        JobLedger ledger = open(disk);
        LedgerStory story = new LedgerStory(ledger, Map.of(), new Random(failing));
        for (int i = 0; i < COMMITS; i++) {
          story.next();
        }
        disk.failSyncs(0, failing);
        try {
          story.next();
        } catch (LedgerException refused) {
          assertThat(refused.kind()).isEqualTo(LedgerException.Kind.UNKNOWN);
        }
        try (CutDisk next = disk.afterKill(disk.stepCount())) {
          ledger.close();
          requireReportedIsOnDisk(next);
        }
      }
    }
  }

  private static void requireReportedIsOnDisk(CutDisk disk) {
    try (JobLedger ledger = open(disk)) {
      LedgerStory.Content reported = LedgerStory.Content.of(ledger);
      try (CutDisk left = disk.afterWorstCut(disk.stepCount());
          JobLedger found = open(left)) {
        assertThat(LedgerStory.Content.of(found)).isEqualTo(reported);
      }
    }
  }

  /** Were this to fail, H2 has mended it, and could be the record itself (docs/adr/015). */
  @Test
  void h2AloneLosesWhatWasSynced() throws SQLException {
    assertThat(cutsThatLose("cut:")).isPositive();
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
            + disk.place().directory()
            + ";DB_CLOSE_ON_EXIT=FALSE;REUSE_SPACE=FALSE;AUTO_COMPACT_FILL_RATE=0");
  }

  private static boolean holds(String scheme, CutDisk disk, int least) {
    try (Connection connection = connect(scheme, disk)) {
      try (Statement statement = connection.createStatement();
          ResultSet row =
              statement.executeQuery("select count(*) from t where length(text) = 9000")) {
        row.next();
        return row.getLong(1) >= least;
      }
    } catch (SQLException e) {
      return false;
    }
  }

  private static JobLedger open(CutDisk disk) {
    return JobLedger.open(disk.place(), LedgerStory.CLOCK, CommitWatch.NONE, 4_096);
  }
}
