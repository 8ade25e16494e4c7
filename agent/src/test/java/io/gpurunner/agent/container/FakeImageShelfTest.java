package io.gpurunner.agent.container;

final class FakeImageShelfTest extends ImageShelfContract {
  private final FakeImageShelf shelf = new FakeImageShelf();

  @Override
  protected ImageShelf shelf() {
    return shelf;
  }

  @Override
  protected String add() {
    shelf.put(first, "an-id", IMAGE_BYTES);
    shelf.put(second, "an-id", IMAGE_BYTES);
    return "an-id";
  }

  @Override
  protected Runnable use(String name) {
    shelf.use(name);
    return () -> shelf.useNoMore(name);
  }
}
