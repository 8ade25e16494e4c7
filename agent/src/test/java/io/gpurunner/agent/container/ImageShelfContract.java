package io.gpurunner.agent.container;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.ImageShelf.Shelved;
import java.io.IOException;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** What every {@link ImageShelf} does. */
public abstract class ImageShelfContract {
  /** The size of the image that {@link #add} makes. */
  protected static final int IMAGE_BYTES = 6;

  protected final String repository = "gpurunner.invalid/shelf-" + UUID.randomUUID();
  protected final String first = repository + ":first";
  protected final String second = repository + ":second";

  protected abstract ImageShelf shelf();

  /** Makes an image with the names {@link #first} and {@link #second}. Returns its id. */
  protected abstract String add() throws IOException;

  /** Makes a container of the image. Returns what removes it. */
  protected abstract Runnable use(String name);

  @Test
  void anImageIsFoundByNameAndIdWithItsSize() throws IOException {
    String id = add();
    assertThat(shelf().find(first)).contains(new Shelved(id, IMAGE_BYTES));
    assertThat(shelf().find(id)).isEqualTo(shelf().find(first));
    assertThat(shelf().find(second)).isEqualTo(shelf().find(first));
    assertThat(shelf().find(repository + ":absent")).isEmpty();
    assertThat(shelf().remove(repository + ":absent")).isFalse();
  }

  @Test
  void anImageStaysWhileItHasAnotherName() throws IOException {
    String id = add();
    assertThat(shelf().remove(id)).isFalse();
    assertThat(shelf().remove(first)).isTrue();
    assertThat(shelf().find(first)).isEmpty();
    assertThat(shelf().find(second).map(Shelved::id)).contains(id);
    assertThat(shelf().remove(second)).isTrue();
    assertThat(shelf().find(id)).isEmpty();
  }

  @Test
  void anImageStaysWhileAContainerUsesIt() throws IOException {
    String id = add();
    assertThat(shelf().remove(first)).isTrue();
    Runnable removal = use(second);
    assertThat(shelf().remove(second)).isFalse();
    assertThat(shelf().find(second).map(Shelved::id)).contains(id);
    removal.run();
    assertThat(shelf().remove(second)).isTrue();
    assertThat(shelf().find(id)).isEmpty();
  }
}
