package io.gpurunner.agent.simulation;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.container.ContainerRuntimeContract;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.ledger.MemoryLedger;
import io.gpurunner.api.JobId;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** While nothing fails, the simulated engine keeps the same contract as Docker. */
final class SimulatedEngineTest extends ContainerRuntimeContract {
  @TempDir Path directory;

  private final MemoryLedger ledger = new MemoryLedger();

  @SuppressWarnings("NullAway.Init") // set before each test
  private Simulation simulation;

  @SuppressWarnings("NullAway.Init") // set before each test
  private ContainerRuntime engine;

  @BeforeEach
  void make() {
    simulation = Simulation.calm(ledger, ModelFiles.make(directory));
    Port port = new Port(simulation, new SimulatedAgent(simulation));
    engine = new SimulatedEngine(simulation, port, UnaryOperator.identity());
  }

  @AfterEach
  void close() {
    ledger.close();
  }

  @Override
  protected ContainerRuntime runtime() {
    return engine;
  }

  @Override
  protected ContainerSpec spec(Program program) {
    JobId job = JobId.random();
    simulation.machine.runs(
        job,
        new Box.Program(
            program.runsFor().map(Timeline::micros).orElse(Long.MAX_VALUE),
            program.exitCode(),
            program.outOfMemory(),
            program.startRefusal().isPresent(),
            program.afterTerm().map(Timeline::micros).orElse(-1L),
            143,
            false));
    return specOf(job, "busybox");
  }

  @Override
  protected ContainerSpec specOfMissingImage() {
    return specOf(JobId.random(), "missing");
  }

  @Override
  protected Observation.Exited awaitExit(ContainerName name) {
    simulation.timeline.run(simulation.timeline.now() + Timeline.SECOND, () -> false);
    return (Observation.Exited) engine.inspect(unrecorded(name)).orElseThrow();
  }

  @Override
  protected void awaitReady(ContainerName name) {
    // A container is ready as soon as it is started.
  }
}
