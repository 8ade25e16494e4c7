package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JobRowsTest {
  /** Otherwise H2 reads and sorts every job there is: seconds, of a million. */
  @ParameterizedTest
  @ValueSource(strings = {JobRows.FORGETTABLE, JobRows.PAGE, JobRows.PAGE_OF_OWNER})
  void theFirstOfManyAreTakenAlongAnIndex(String query, @TempDir Path directory) throws Exception {
    LedgerPlace place = LedgerPlace.onDisk(directory.resolve("ledger"));
    LedgerSchema.make(place);
    assertThat(plan(place, query.replaceAll(":[a-z]+", "1"))).contains("index sorted");
  }

  private static String plan(LedgerPlace place, String query) throws SQLException {
    try (Connection connection = LedgerSchema.source(place, "").getConnection();
        Statement statement = connection.createStatement();
        ResultSet plan = statement.executeQuery("explain " + query)) {
      plan.next();
      return plan.getString(1);
    }
  }
}
