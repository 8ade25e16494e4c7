package io.gpurunner.agent.ledger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Executes the statements that change rows, and remembers them until their group is committed: the
 * journal gets what was executed. Statements stay prepared; they are as many as there are in {@link
 * JobRows}. Not thread-safe.
 */
final class RowWriter {
  private final Connection connection;
  private final Map<String, PreparedStatement> prepared = new HashMap<>();
  private final List<RowChange> changes = new ArrayList<>();
  private int kept;

  /**
   * @param connection that does not commit by itself
   */
  RowWriter(Connection connection) {
    this.connection = connection;
  }

  /**
   * Changes rows.
   *
   * @return how many
   * @throws LedgerException FAILED
   */
  int change(String sql, @Nullable Object... values) {
    try {
      int count = bound(sql, values).executeUpdate();
      changes.add(new RowChange(sql, Arrays.asList(values)));
      return count;
    } catch (SQLException e) {
      throw LedgerException.failed(e);
    }
  }

  /**
   * Reads the one number that a query finds, in this transaction.
   *
   * @throws LedgerException FAILED
   */
  long number(String sql, Object... values) {
    try (ResultSet row = bound(sql, values).executeQuery()) {
      row.next();
      return row.getLong(1);
    } catch (SQLException e) {
      throw LedgerException.failed(e);
    }
  }

  // The caller closes none of them: they go with the connection.
  private PreparedStatement bound(String sql, @Nullable Object... values) throws SQLException {
    PreparedStatement statement = prepared.get(sql);
    if (statement == null) {
      statement = connection.prepareStatement(sql);
      prepared.put(sql, statement);
    }
    for (int i = 0; i < values.length; i++) {
      statement.setObject(i + 1, values[i]);
    }
    return statement;
  }

  /** What was changed since the last that was kept, or taken, is void. */
  void undo() {
    changes.subList(kept, changes.size()).clear();
  }

  /** What was changed stands. */
  void keep() {
    kept = changes.size();
  }

  /** What was changed since the last call. */
  List<RowChange> take() {
    List<RowChange> taken = List.copyOf(changes);
    changes.clear();
    kept = 0;
    return taken;
  }
}
