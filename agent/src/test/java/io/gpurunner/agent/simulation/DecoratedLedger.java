package io.gpurunner.agent.simulation;

import io.gpurunner.agent.ledger.disk.Change;
import io.gpurunner.agent.ledger.disk.Entry;
import io.gpurunner.agent.ledger.disk.IndexView;
import io.gpurunner.agent.ledger.disk.LedgerStore;
import io.gpurunner.agent.ledger.disk.Needed;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** Passes all calls on to another ledger. */
class DecoratedLedger implements LedgerStore {
  private final LedgerStore real;

  DecoratedLedger(LedgerStore real) {
    this.real = real;
  }

  @Override
  public Needed needed() throws IOException {
    return real.needed();
  }

  @Override
  public void record(List<Entry> entries) throws IOException {
    real.record(entries);
  }

  @Override
  public void publish(Collection<Change> changes) {
    real.publish(changes);
  }

  @Override
  public void awaitIndex() {
    real.awaitIndex();
  }

  @Override
  public <T> T read(Function<IndexView, T> query) throws IOException {
    return real.read(query);
  }

  @Override
  public <T> T readBehind(Function<IndexView, T> query) throws IOException {
    return real.readBehind(query);
  }

  @Override
  public void retry() {
    real.retry();
  }

  @Override
  public void tidy() {
    real.tidy();
  }

  @Override
  public void backUpWhereLast(Duration interval, Instant now) throws IOException {
    real.backUpWhereLast(interval, now);
  }

  @Override
  public Optional<String> fault() {
    return real.fault();
  }

  @Override
  public void close() {
    real.close();
  }
}
