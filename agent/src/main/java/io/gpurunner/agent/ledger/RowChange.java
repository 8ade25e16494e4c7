package io.gpurunner.agent.ledger;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A statement that changes rows, as it was executed: on the same rows it always does the same.
 *
 * @param values of its parameters: texts, whole numbers, truth values or null
 */
record RowChange(String sql, List<@Nullable Object> values) {}
