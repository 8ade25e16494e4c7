package io.gpurunner.agent.container;

import io.gpurunner.agent.container.ContainerException.Kind;

final class FakeImagesTest extends ImagesContract {
  private static final String IMAGE = "registry.example/train:1";

  private final FakeImages fake = new FakeImages();

  @Override
  protected Images images() {
    return fake;
  }

  @Override
  protected String absentImage() {
    return IMAGE;
  }

  @Override
  protected String refusedImage(String words) {
    fake.failNext(IMAGE, Kind.REFUSED, IMAGE + ": " + words);
    return IMAGE;
  }

  @Override
  protected String failingImage() {
    fake.failNext(IMAGE, Kind.FAILED, IMAGE + ": connection refused");
    return IMAGE;
  }

  @Override
  protected String hangingImage() {
    fake.hang(IMAGE, true);
    return IMAGE;
  }
}
