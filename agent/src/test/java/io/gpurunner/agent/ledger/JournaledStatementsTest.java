package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.storage.ArtifactPlace;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The journal has every statement that changes rows: a kill leaves the database as it was last
 * written, and a start executes what the journal has. Everything that the ledger can record is
 * recorded once here, and the journal alone must bring it back.
 */
class JournaledStatementsTest {
  private static final Instant T = Instant.parse("2026-01-01T00:00:00Z");
  private static final Clock CLOCK = Clock.fixed(T, ZoneOffset.UTC);
  private static final Instant LATER = T.plus(Duration.ofDays(1));
  private static final URI RECEIVER = URI.create("http://127.0.0.1:1/cb");
  private static final GpuUuid GPU = new GpuUuid("GPU-a");

  /** Room for all of it, and compacted after the first commit: that is recorded, too. */
  private static final LedgerSizes SIZES = new LedgerSizes(0, 16 * LedgerJournal.BYTES);

  /** The journal has it as the group's number. */
  private static final String COUNTS_COMMITS = "update commit_count set number = ?";

  private static final Set<String> OF_FLYWAY = Set.of("flyway_schema_history");

  /** The database numbers lines as they come, with gaps. */
  private static final String NUMBER_OF_LINE = "JOB_EVENT.NUMBER";

  @TempDir private static Path directory;

  private static Set<String> journaled = Set.of();
  private static Map<String, List<String>> written = Map.of();
  private static Map<String, List<String>> replayed = Map.of();

  @BeforeAll
  static void recordEverything() throws IOException, SQLException {
    Path written = directory.resolve("ledger");
    Path killed = directory.resolve("killed");
    try (JobLedger ledger = open(written)) {
      new Everything(ledger).record();
      for (String part : List.of(".mv.db", ".journal", ".witness")) {
        Files.copy(written.resolveSibling("ledger" + part), killed.resolveSibling("killed" + part));
      }
    }
    journaled =
        LedgerJournal.read(LedgerPlace.onDisk(killed).journal()).stream()
            .flatMap(group -> group.changes().stream())
            .map(RowChange::sql)
            .collect(Collectors.toSet());
    JobLedger.open(LedgerPlace.onDisk(killed), CLOCK, SIZES).close();
    JournaledStatementsTest.written = rowsOf(written);
    replayed = rowsOf(killed);
  }

  /** One whose thread is the caller's: nothing writes the database when nobody waits. */
  private static JobLedger open(Path file) {
    LedgerStore store = new LedgerStore(LedgerPlace.onDisk(file), CLOCK, SIZES);
    return new JobLedger(store, CLOCK, JobId::random, DirectCommits::new);
  }

  private record DirectCommits(GroupCommit groups) implements Commits {
    DirectCommits(GroupCommit.Group group) {
      this(new GroupCommit(group));
    }

    @Override
    public <T> T commit(Supplier<T> work) {
      Commit<T> commit = new Commit<>(work);
      groups.write(List.of(commit));
      return commit.await(0);
    }

    @Override
    public Optional<String> fault() {
      return groups.fault();
    }

    @Override
    public void close() {
      // Nothing waits.
    }
  }

  private static Map<String, List<String>> rowsOf(Path file) throws SQLException {
    Map<String, List<String>> rows = new TreeMap<>();
    try (Connection connection = LedgerSchema.readOnly(LedgerPlace.onDisk(file));
        Handle handle = Jdbi.open(connection)) {
      for (String table : tables(handle)) {
        rows.put(
            table,
            handle
                .createQuery("select * from \"" + table + "\"")
                .map((row, _) -> text(row))
                .list()
                .stream()
                .sorted()
                .toList());
      }
    }
    return rows;
  }

  private static List<String> tables(Handle handle) {
    return handle
        .createQuery(
            "select table_name from information_schema.tables where table_schema = 'PUBLIC'")
        .mapTo(String.class)
        .list()
        .stream()
        .filter(table -> !OF_FLYWAY.contains(table))
        .toList();
  }

  private static String text(ResultSet row) throws SQLException {
    StringBuilder text = new StringBuilder();
    ResultSetMetaData columns = row.getMetaData();
    for (int i = 1; i <= columns.getColumnCount(); i++) {
      String column = columns.getTableName(i) + "." + columns.getColumnName(i);
      if (!column.equals(NUMBER_OF_LINE)) {
        text.append(column).append('=').append(row.getString(i)).append(' ');
      }
    }
    return text.toString();
  }

  static Stream<String> changingStatements() {
    return LedgerStatements.writing().stream().filter(sql -> !sql.equals(COUNTS_COMMITS));
  }

  static Set<String> tables() {
    return written.keySet();
  }

  @ParameterizedTest
  @MethodSource("changingStatements")
  void aStatementThatChangesRowsIsInTheJournal(String sql) {
    assertThat(journaled).contains(sql);
  }

  @ParameterizedTest
  @MethodSource("tables")
  void theJournalAloneBringsATableBack(String table) {
    assertThat(replayed.get(table)).isNotEmpty().isEqualTo(written.get(table));
  }

  @Test
  void whatIsComparedHasSomethingOfEverything() {
    assertThat(String.join("\n", written.getOrDefault("CALLBACK", List.of())))
        .contains("PENDING", "DELIVERED", "ABANDONED", "SUPERSEDED", "TRIES=1", "TRIES=0");
    assertThat(String.join("\n", written.getOrDefault("JOB", List.of())))
        .contains("DELETED_BY=bob", "KEPT", "SWEEPING", "SWEPT", "attempt\":2");
    assertThat(String.join("\n", written.getOrDefault("JOB_EVENT", List.of())))
        .contains("older lines were removed");
  }

  /** Records everything that can be recorded. One thread. */
  private record Everything(JobLedger ledger) {
    void record() {
      Job running =
          apply(
              create(Requests.simple().callback(RECEIVER), Optional.of("key")),
              new JobEvent.Leased(List.of(GPU)),
              new JobEvent.Prepared(T),
              new JobEvent.PullPostponed("registry is down", T),
              new JobEvent.Pulled("boot"),
              new JobEvent.Made("c1"),
              new JobEvent.Started(T, Optional.empty(), "boot", "c1", "c1@1"));
      ledger.requestDeletion(running.id(), "bob");
      ledger.requestDeletion(create(Requests.simple(), Optional.empty()).id(), "bob");
      runAgain();
      callbacks();
      retention();
      longHistory();
    }

    private Job create(Requests request, Optional<String> key) {
      Creation creation = ledger.create(Requests.ANN, request.build(), "{}", key);
      return ledger.find(creation.id()).orElseThrow();
    }

    private Job apply(Job job, JobEvent... events) {
      Job current = job;
      for (JobEvent event : events) {
        current = ledger.apply(current, event);
      }
      return current;
    }

    private Job released(Requests request, Ending ending, boolean retry) {
      return apply(
          create(request, Optional.empty()),
          new JobEvent.Leased(List.of()),
          new JobEvent.RunEnded(ending, T),
          new JobEvent.ContainerGone(T),
          new JobEvent.GpusReleased(T, T, retry, List.of()));
    }

    private void runAgain() {
      released(Requests.simple().retries(1), new Ending.Broken("exit code 1", true), true);
    }

    private Job succeeded() {
      JobEvent uploaded =
          new JobEvent.Uploaded(T, Optional.of("ds_model.bin"), new ArtifactPlace.Local());
      Requests request = Requests.simple().callback(RECEIVER);
      return ledger.apply(released(request, new Ending.Completed(), false), uploaded);
    }

    private void callbacks() {
      succeeded();
      ledger.callbackDelivered(next(), "HTTP 200");
      succeeded();
      ledger.callbackAbandoned(next(), "given up");
      succeeded();
      ledger.callbackPostponed(next(), T.plus(Duration.ofDays(400)), "HTTP 500");
      ledger.limitCallbackWaits(LATER);
      Job failed =
          ledger.apply(
              released(Requests.simple().callback(RECEIVER), new Ending.Completed(), false),
              new JobEvent.UploadGivenUp(T, "store is down"));
      ledger.apply(failed, new JobEvent.UploadResumed(T, LATER));
    }

    private PendingCallback next() {
      return DueCallbacks.of(ledger, T).getFirst();
    }

    private void retention() {
      Job removed = create(Requests.simple(), Optional.of("removed"));
      ledger.requestDeletion(removed.id(), "ann");
      ledger.giveFilesUp(removed.id());
      ledger.swept(removed.id());
      assertThat(ledger.forget(LATER, Long.MAX_VALUE, 1)).isEqualTo(1);
      Job swept = succeeded();
      ledger.giveFilesUp(swept.id());
      ledger.swept(swept.id());
      ledger.giveFilesUp(succeeded().id());
    }

    private void longHistory() {
      Job job = create(Requests.simple(), Optional.empty());
      for (int i = 0; i <= JobRows.LINE_LIMIT; i++) {
        ledger.note(job.id(), "note", "line " + i);
      }
    }
  }
}
