package io.gpurunner.agent.simulation;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.gpurunner.agent.ledger.MemoryLedger;
import io.gpurunner.storage.ArtifactObjectsContract;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.ObjectKey;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** While nothing fails, the simulated store keeps the same contract as the real ones. */
final class SimulatedStoreTest extends ArtifactObjectsContract {
  @TempDir Path directory;

  private final MemoryLedger ledger = new MemoryLedger();

  @SuppressWarnings("NullAway.Init") // set before each test
  private Simulation simulation;

  @SuppressWarnings("NullAway.Init") // set before each test
  private ArtifactStore store;

  @BeforeEach
  void make() {
    simulation = Simulation.calm(ledger, ModelFiles.make(directory));
    store = new SimulatedStore(simulation, new Port(simulation, new SimulatedAgent(simulation)));
  }

  @AfterEach
  void close() {
    ledger.close();
  }

  @Override
  protected ArtifactStore store() {
    return store;
  }

  @Override
  protected boolean isThere(ObjectKey key) {
    return simulation.objects.getOrDefault(key.folder().name(), Map.of()).containsKey(key.file());
  }

  @Override
  protected byte[] fetch(ObjectKey key, int length) {
    String object =
        simulation.objects.getOrDefault(key.folder().name(), Map.of()).getOrDefault(key.file(), "");
    return Arrays.copyOf(object.getBytes(ISO_8859_1), length);
  }
}
