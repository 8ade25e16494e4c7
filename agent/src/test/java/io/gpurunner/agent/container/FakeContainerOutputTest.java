package io.gpurunner.agent.container;

import io.gpurunner.api.JobId;
import java.util.List;

final class FakeContainerOutputTest extends ContainerOutputContract {
  private final FakeContainerOutput fake = new FakeContainerOutput();

  @Override
  protected ContainerOutput output() {
    return fake;
  }

  @Override
  protected ContainerName ended(List<String> lines) {
    ContainerName name = new ContainerName(JobId.random(), 1);
    fake.print(name, String.join("\n", lines) + "\n");
    fake.end(name);
    return name;
  }

  @Override
  protected ContainerName withFile(String path, String content) {
    ContainerName name = new ContainerName(JobId.random(), 1);
    fake.place(name, path, content);
    return name;
  }
}
