package io.gpurunner.agent.faultinjection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.FakeImages;
import io.gpurunner.agent.container.Images;
import io.gpurunner.agent.container.OpenRegistries;
import io.gpurunner.agent.ledger.CommitWatch;
import io.gpurunner.api.ImageReference;
import io.gpurunner.storage.Cancellation;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class FaultPointsTest {
  private final List<String> reached = new ArrayList<>();

  @Test
  void withoutThePropertyNothingIsWiredIn() {
    Images real = new FakeImages();
    FaultPoints none = FaultPoints.ofThisProcess();
    assertThat(none.around(Images.class, real)).isSameAs(real);
    assertThat(none.commits()).isSameAs(CommitWatch.NONE);
  }

  @Test
  void anEffectLiesBetweenItsTwoPoints() {
    FakeImages real = new FakeImages();
    FaultPoints.calling(reached::add)
        .around(Images.class, real)
        .ensurePresent(ImageReference.of("busybox"), OpenRegistries.access(), Cancellation.NEVER);
    assertThat(reached)
        .containsExactly("images.ensurePresent.before", "images.ensurePresent.after");
    assertThat(real.pulls()).containsExactly("busybox");
    assertThat(FaultPoints.names()).contains(reached.getFirst(), reached.getLast());
  }

  @Test
  void whatThePortThrowsIsThrown() {
    FakeImages real = new FakeImages();
    real.failNext("busybox", ContainerException.Kind.REFUSED, "no such image");
    Images surrounded = FaultPoints.calling(reached::add).around(Images.class, real);
    assertThatThrownBy(
            () ->
                surrounded.ensurePresent(
                    ImageReference.of("busybox"), OpenRegistries.access(), Cancellation.NEVER))
        .isInstanceOf(ContainerException.class)
        .hasMessage("no such image");
  }

  @Test
  void everyStateHasItsCommits() {
    assertThat(FaultPoints.names())
        .contains("ledger.QUEUED.uncommitted", "ledger.STOPPING.untold", "ledger.DELETED.told");
  }
}
