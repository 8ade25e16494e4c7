package io.gpurunner.agent.container;

import io.gpurunner.api.ImageReference;

final class FakeImagesTest extends ImagesContract {
  private static final String IMAGE = "registry.example/train:1";

  private final FakeImages fake = new FakeImages();

  @Override
  protected Images images() {
    return fake;
  }

  @Override
  protected ImageReference absentImage() {
    return ImageReference.of(IMAGE);
  }

  @Override
  protected ImageReference refusedImage() {
    fake.failNext(IMAGE, PullFault.NOT_FOUND, "denied");
    return ImageReference.of(IMAGE);
  }

  @Override
  protected ImageReference failingImage() {
    fake.failNext(IMAGE, PullFault.NOT_REACHED, "connection refused");
    return ImageReference.of(IMAGE);
  }

  @Override
  protected ImageReference hangingImage() {
    fake.hang(IMAGE, true);
    return ImageReference.of(IMAGE);
  }
}
