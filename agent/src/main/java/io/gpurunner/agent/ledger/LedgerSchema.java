package io.gpurunner.agent.ledger;

import java.io.IOException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.OptionalInt;
import org.flywaydb.core.Flyway;
import org.h2.jdbcx.JdbcDataSource;
import org.h2.mvstore.MVStore;

/**
 * The form of the database: made and changed beside the ledger's own file, which is then replaced
 * by what was made. So a cut at any point leaves a file that is whole. Stateless.
 */
final class LedgerSchema {
  /** The last of the scripts in {@code db/migration}. */
  static final int NEWEST = 3;

  /** The first that counts commits. */
  private static final int COUNTS_COMMITS = 2;

  private static final String TABLES =
      "select 1 from information_schema.tables where table_name = 'flyway_schema_history'";

  private LedgerSchema() {}

  /** How H2 is asked for a database. */
  static JdbcDataSource source(LedgerPlace place, String settings) {
    JdbcDataSource source = new JdbcDataSource();
    source.setURL(place.url() + settings);
    source.setUser("gpurunner");
    source.setPassword("");
    return source;
  }

  /** Makes an empty ledger. */
  static void make(LedgerPlace place) throws IOException {
    LedgerPlace next = place.next();
    next.delete();
    bringUp(next);
    place.replaceBy(next);
  }

  /** Brings a ledger, which is closed, to this version's form; a copy of it as it was is kept. */
  static void migrate(LedgerPlace place, Instant now) throws IOException {
    LedgerBackups.makeOwn(place, now);
    LedgerPlace next = place.next();
    next.delete();
    compact(place, next);
    bringUp(next);
    place.replaceBy(next);
  }

  private static void bringUp(LedgerPlace place) {
    Flyway.configure()
        .dataSource(source(place, ""))
        .locations("classpath:db/migration")
        .load()
        .migrate();
  }

  /** Writes what is in one database, which is closed, to another that is not there yet. */
  static void compact(LedgerPlace from, LedgerPlace to) {
    MVStore.compact(SealedFiles.over(from.file().toString()), to.file().toString(), false, null);
  }

  /** Empty where a database is no ledger, or one without anything in it. */
  static OptionalInt versionOf(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      try (ResultSet tables = statement.executeQuery(TABLES)) {
        if (!tables.next()) {
          return OptionalInt.empty();
        }
      }
      String newest =
          "select max(cast(\"version\" as int)) from \"flyway_schema_history\" where \"success\"";
      try (ResultSet version = statement.executeQuery(newest)) {
        version.next();
        int number = version.getInt(1);
        return version.wasNull() ? OptionalInt.empty() : OptionalInt.of(number);
      }
    }
  }

  /** Of a ledger that nobody has open. */
  static Connection readOnly(LedgerPlace place) throws SQLException {
    return source(place, ";IFEXISTS=TRUE;ACCESS_MODE_DATA=r").getConnection();
  }

  /** How many commits a ledger has seen that nobody has open. */
  static long commits(LedgerPlace place) throws SQLException {
    try (Connection connection = readOnly(place)) {
      return commits(connection, versionOf(connection).orElse(0));
    }
  }

  /** How many commits a ledger has seen. */
  static long commits(Connection connection, int version) throws SQLException {
    return version < COUNTS_COMMITS ? 0 : number(connection, "select number from commit_count");
  }

  /** Has a ledger count so many. */
  static void countCommits(RowWriter rows, long number) {
    rows.change("update commit_count set number = ?", number);
    rows.take(); // the journal has it as the group's number
  }

  static long number(Connection connection, String query) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      row.next();
      return row.getLong(1);
    }
  }
}
