package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.container.FakeImageShelf;
import io.gpurunner.agent.container.Images;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.ImageReference;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ImageKeeperTest {
  private static final long KEEP_BYTES = 100;

  @TempDir private Path directory;
  private final FakeImageShelf shelf = new FakeImageShelf();
  private RunHarness run;
  private ImageKeeper keeper;

  @BeforeEach
  void open() {
    run = new RunHarness(directory.resolve("run"));
    keeper = newKeeper();
  }

  @AfterEach
  void close() {
    run.close();
  }

  private ImageKeeper newKeeper() {
    return new ImageKeeper(
        directory.resolve("pulled-images"), KEEP_BYTES, run.ledger, shelf, run.gate, run.clock);
  }

  private void use(String name, boolean pulled) {
    ImageReference image = ImageReference.of(name);
    shelf.put(image.fullName(), "id-" + name, 60);
    keeper.used(image, new Images.Found("id-" + name, "id-" + name, pulled, Optional.empty()));
    run.clock.advance(Duration.ofMinutes(1));
  }

  private static String full(String name) {
    return ImageReference.of(name).fullName();
  }

  @Test
  void theLeastRecentlyUsedGoesFirstAndOnlyAsManyAsIsNeeded() {
    use("one", true);
    use("two", true);
    use("three", true);
    use("one", false);
    run.clock.advance(Duration.ofHours(2));
    keeper.round();
    assertThat(shelf.removed()).containsExactly(full("two"), full("three"));
  }

  @Test
  void whatTheAgentDidNotPullStays() {
    use("theirs", false);
    use("others", false);
    run.clock.advance(Duration.ofHours(2));
    keeper.round();
    assertThat(shelf.removed()).isEmpty();
  }

  @Test
  void whatALiveJobNamesStaysAlsoByAnotherName() {
    use("busybox", true);
    use("other", true);
    shelf.put(full("busybox:1"), "id-other", 60);
    JobId id = run.submit(Requests.simple(), Program.untilSignalled());
    run.clock.advance(Duration.ofHours(2));
    keeper.round();
    assertThat(shelf.removed()).containsExactly(full("other"));
    run.ledger.requestDeletion(id, "ann");
    use("busybox", true);
    use("third", true);
    run.clock.advance(Duration.ofHours(2));
    keeper.round();
    assertThat(shelf.removed()).contains(full("busybox"));
  }

  @Test
  void whatWasUsedJustNowStays() {
    use("one", true);
    use("two", true);
    keeper.round();
    assertThat(shelf.removed()).isEmpty();
  }

  @Test
  void aFullDiskLetsAllGoThatNobodyNeeds() {
    use("one", true);
    run.clock.advance(Duration.ofHours(2));
    keeper.round();
    assertThat(shelf.removed()).isEmpty();
    run.gate.engineDisk(Optional.of("full"));
    keeper.round();
    assertThat(shelf.removed()).containsExactly(full("one"));
  }

  @Test
  void aContainersImageStays() {
    use("one", true);
    use("two", true);
    shelf.use(full("one"));
    run.clock.advance(Duration.ofHours(2));
    keeper.round();
    assertThat(shelf.removed()).containsExactly(full("two"));
  }

  /** The tag leads to a newer image now, and the older one has no name any more. */
  @Test
  void anImageThatLostItsNameIsRemovedByItsId() {
    use("one", true);
    ImageReference image = ImageReference.of("one");
    shelf.put(image.fullName(), "id-newer", 60);
    keeper.used(image, new Images.Found("id-newer", "id-newer", true, Optional.empty()));
    run.clock.advance(Duration.ofHours(2));
    keeper.round();
    assertThat(shelf.removed()).containsExactly("id-one");
  }

  @Test
  void theNextAgentKnowsWhatWasPulled() throws IOException {
    use("one", true);
    use("two", true);
    keeper.round();
    run.clock.advance(Duration.ofHours(2));
    keeper = newKeeper();
    keeper.round();
    assertThat(shelf.removed()).containsExactly(full("one"));
    assertThat(Files.readString(directory.resolve("pulled-images")))
        .contains(full("two"))
        .doesNotContain(full("one"));
  }

  @Test
  void aDamagedListKeepsTheImages() throws IOException {
    Files.writeString(directory.resolve("pulled-images"), "yesterday id-one " + full("one") + "\n");
    shelf.put(full("one"), "id-one", 600);
    run.clock.advance(Duration.ofHours(2));
    keeper.round();
    assertThat(shelf.removed()).isEmpty();
  }

  @Test
  void whatWasPulledIsRememberedThoughTheListCouldNotBeWrittenOrTheEngineWasAway()
      throws Exception {
    Path obstacle = Files.createDirectories(directory.resolve("pulled-images.part"));
    use("one", true);
    keeper.round();
    assertThat(directory.resolve("pulled-images")).doesNotExist();

    Files.delete(obstacle);
    shelf.isAway(true);
    keeper.round();
    assertThat(directory.resolve("pulled-images")).content().contains(full("one"));
  }
}
