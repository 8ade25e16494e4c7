package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.dockerjava.api.exception.NotFoundException;
import io.gpurunner.agent.container.LabelledContainer;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The container that the agent starts to try the engine. */
final class TrialContainerIT {
  private final TestEngine engine = new TestEngine();

  @AfterEach
  void close() {
    engine.close();
  }

  @Test
  void startsFromAnImageThatNoRegistryHasAndLeavesNoContainer() {
    engine
        .connection()
        .run(
            "removing the image",
            CallLimits.REMOVE,
            docker -> {
              try {
                docker.removeImageCmd(TrialContainer.IMAGE).withForce(true).exec();
              } catch (NotFoundException absent) {
                // What was wanted.
              }
            });
    engine.engine().probe().tryStart();
    engine.engine().probe().tryStart();
    assertThat(engine.engine().containers().list()).isEmpty();
  }

  @Test
  void aTrialThatWasCutOffIsNotInTheWay() {
    String name = "gpurunner-trial-" + engine.settings().instance() + "-left";
    engine
        .connection()
        .run(
            "creating what is left of a trial",
            CallLimits.CREATE,
            docker ->
                docker
                    .createContainerCmd(TestEngine.image())
                    .withName(name)
                    .withLabels(Map.of(OurLabels.INSTANCE, engine.settings().instance()))
                    .withCmd("sleep", "1000")
                    .exec());
    engine.engine().probe().tryStart();
    assertThat(engine.engine().containers().list())
        .extracting(LabelledContainer::engineName)
        .containsExactly(name);
  }

  @Test
  void theEngineTellsWhereItKeepsImages() {
    assertThat(engine.engine().probe().probe().dataRoot()).isPresent();
  }
}
