package io.gpurunner.agent.ledger.disk;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.h2.jdbcx.JdbcDataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * How H2 executes each statement of the ledger where there are many jobs. It may choose a plan by
 * what it knows of a table's values, so it is asked where it knows nothing, and after it has
 * counted.
 */
class IndexRowsTest {
  private static final int JOBS = 100_000;

  /** Tables that have as many rows as the machine has devices, or one. */
  private static final Set<String> SMALL = Set.of("APPLIED");

  /** Reading these is their purpose: jobs that have not ended. */
  private static final String LIVE_JOBS = "finished_at is null";

  /** The same of jobs whose callback is owed. */
  private static final String OWED = "owed = true";

  private static final Pattern PARAMETER = Pattern.compile(":[a-zA-Z]+");

  /** How a table is read: by which index, and from where to where in it. */
  private static final Pattern ACCESS =
      Pattern.compile("/\\* PUBLIC\\.([A-Z_]+)(\\.tableScan|[A-Z0-9_]*)(?::([^*]*))?\\*/");

  private static final Pattern ROWS_READ = Pattern.compile("scanCount: (\\d+)");

  /**
   * Rows that a statement may read beyond those that it finds: the one it ends at, for each index.
   */
  private static final int ROWS_BESIDE = 4;

  private static final int LIMIT = 10;

  /** Values that exist, by the names that the statements give their parameters. */
  private static final Map<String, Object> SAMPLES =
      Map.ofEntries(
          Map.entry(":id", "ai777"),
          Map.entry(":owner", "user-7"),
          Map.entry(":key", "key-7"),
          Map.entry(":newest", JOBS),
          Map.entry(":sequence", 777),
          Map.entry(":delivery", "d777"),
          Map.entry(":tries", 1),
          Map.entry(":receiver", "host-7"),
          Map.entry(":now", JOBS / 2),
          Map.entry(":files", "KEPT"),
          Map.entry(":before", JOBS / 2),
          Map.entry(":from", 0),
          Map.entry(":after", 0),
          Map.entry(":limit", LIMIT),
          Map.entry(":size", LIMIT),
          Map.entry(":skip", 0));

  @SuppressWarnings("NullAway.Init") // opened before all tests
  private static Connection uncounted;

  @SuppressWarnings("NullAway.Init") // opened before all tests
  private static Connection counted;

  @BeforeAll
  static void open() throws SQLException, IOException {
    uncounted = large("uncounted");
    counted = large("counted");
    try (Statement statement = counted.createStatement()) {
      statement.execute("analyze");
    }
  }

  private static Connection large(String name) throws SQLException, IOException {
    JdbcDataSource source = new JdbcDataSource();
    source.setURL("jdbc:h2:mem:" + name + ";ANALYZE_AUTO=0");
    Connection connection = source.getConnection(); // the database is there while it is open
    try (Statement statement = connection.createStatement()) {
      statement.execute(Index.script());
    }
    LargeLedger.fill(connection, JOBS);
    return connection;
  }

  @AfterAll
  static void close() throws SQLException {
    uncounted.close();
    counted.close();
  }

  static Stream<Arguments> statements() {
    return IndexStatements.all().stream()
        .flatMap(sql -> Stream.of(Arguments.of(sql, false), Arguments.of(sql, true)));
  }

  static Stream<Arguments> readingStatements() {
    return IndexStatements.reading().stream()
        .filter(sql -> PARAMETER.matcher(sql).find())
        .flatMap(sql -> Stream.of(Arguments.of(sql, false), Arguments.of(sql, true)));
  }

  @Test
  void allStatementsAreKnownBeforeTheyRun() {
    assertThat(IndexStatements.joinedLater()).isEmpty();
    assertThat(IndexStatements.reading()).hasSizeGreaterThan(10);
    assertThat(IndexStatements.writing()).hasSizeGreaterThan(5);
  }

  @ParameterizedTest
  @MethodSource("statements")
  void noStatementReadsAWholeTable(String sql, boolean isCounted) throws SQLException {
    String plan = plan(isCounted ? counted : uncounted, "explain " + sql);
    assertThat(ACCESS.matcher(plan).results())
        .as(plan)
        .allMatch(access -> isNarrow(access, sql, plan));
    if (sql.contains("order by")) {
      assertThat(plan).contains("index sorted");
    }
  }

  private static boolean isNarrow(MatchResult access, String sql, String plan) {
    String index = access.group(1) + access.group(2);
    if (index.endsWith(".tableScan")) {
      return SMALL.contains(access.group(1)) || plan.contains("direct lookup");
    }
    String range = access.group(3);
    boolean first = plan.contains("index sorted") && plan.contains("FETCH FIRST");
    return first
        || sql.contains(LIVE_JOBS)
        || sql.contains(OWED)
        || (range != null && (range.contains("?") || range.contains("JOB.ID")));
  }

  @ParameterizedTest
  @MethodSource("readingStatements")
  void aStatementReadsNoMoreRowsThanItFinds(String sql, boolean isCounted) throws SQLException {
    String plan = plan(isCounted ? counted : uncounted, "explain analyze " + sql);
    List<Long> read =
        ROWS_READ.matcher(plan).results().map(count -> Long.parseLong(count.group(1))).toList();
    assertThat(read).as(plan).isNotEmpty().allMatch(count -> count <= 2 * LIMIT + ROWS_BESIDE);
  }

  private static String plan(Connection database, String sql) throws SQLException {
    List<Object> values =
        PARAMETER
            .matcher(sql)
            .results()
            .map(MatchResult::group)
            .map(
                name -> {
                  assertThat(SAMPLES).as("a value for the new parameter").containsKey(name);
                  return SAMPLES.getOrDefault(name, 1);
                })
            .toList();
    Matcher named = PARAMETER.matcher(sql);
    try (PreparedStatement statement = database.prepareStatement(named.replaceAll("?"))) {
      int count = statement.getParameterMetaData().getParameterCount();
      for (int i = 0; i < count; i++) {
        statement.setObject(i + 1, values.isEmpty() ? 1 : values.get(i));
      }
      try (ResultSet plan = statement.executeQuery()) {
        plan.next();
        return plan.getString(1);
      }
    }
  }
}
