package io.gpurunner.agent.container.docker;

import io.gpurunner.agent.container.ImageShelf;
import io.gpurunner.agent.container.ImageShelfContract;
import io.gpurunner.agent.container.OpenRegistries;
import io.gpurunner.api.ImageReference;
import io.gpurunner.storage.Cancellation;
import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;

/** Removes images of a real engine. */
final class DockerImageShelfIT extends ImageShelfContract {
  private final TestEngine engine = new TestEngine();
  private final ImageShelf shelf = new DockerImageShelf(engine.connection());

  @AfterEach
  void close() {
    shelf.remove(first);
    shelf.remove(second);
    engine.close();
  }

  @Override
  protected ImageShelf shelf() {
    return shelf;
  }

  @Override
  protected String add() throws IOException {
    try (TinyRegistry registry = new TinyRegistry(repository)) {
      String pulled = registry.image("good/image:1");
      engine
          .engine()
          .images()
          .ensurePresent(ImageReference.of(pulled), OpenRegistries.access(), Cancellation.NEVER);
      return engine
          .connection()
          .call(
              "naming an image",
              CallLimits.CREATE,
              docker -> {
                docker.tagImageCmd(pulled, repository, "first").exec();
                docker.tagImageCmd(pulled, repository, "second").exec();
                docker.removeImageCmd(pulled).exec();
                return shelf.find(first).orElseThrow().id();
              });
    }
  }

  @Override
  protected Runnable use(String name) {
    String container =
        engine
            .connection()
            .call(
                "creating a container",
                CallLimits.CREATE,
                docker ->
                    docker
                        .createContainerCmd(name)
                        .withCmd("x")
                        .withLabels(Map.of(OurLabels.INSTANCE, engine.settings().instance()))
                        .exec()
                        .getId());
    return () ->
        engine
            .connection()
            .run(
                "removing a container",
                CallLimits.REMOVE,
                docker -> docker.removeContainerCmd(container).withForce(true).exec());
  }
}
