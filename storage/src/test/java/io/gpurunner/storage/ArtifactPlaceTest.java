package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import org.junit.jupiter.api.Test;

final class ArtifactPlaceTest {
  @Test
  void onlyTheLocalStoreIsOnThisMachine() {
    assertThat(new ArtifactPlace.Local().isOnThisMachine()).isTrue();
    assertThat(new ArtifactPlace.Bucket(Optional.empty(), "eu-1", "models").isOnThisMachine())
        .isFalse();
  }
}
