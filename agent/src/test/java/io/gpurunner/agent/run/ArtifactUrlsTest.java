package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.ledger.Standing;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobStatus;
import io.gpurunner.storage.ArtifactPlace;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.DecoratedStore;
import io.gpurunner.storage.LocalArtifactStore;
import io.gpurunner.storage.ObjectKey;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ArtifactUrlsTest {
  private static final ArtifactPlace HERE = new ArtifactPlace.Local();
  private static final ArtifactPlace BUCKET = bucket("models");
  private static final ArtifactPlace EARLIER = bucket("earlier");

  @TempDir Path directory;

  private final JobId id = JobId.random();

  private static ArtifactPlace bucket(String name) {
    return new ArtifactPlace.Bucket(
        Optional.of(URI.create("https://s3.example.org")), "us-east-1", name);
  }

  private ArtifactStore store(ArtifactPlace place) {
    ArtifactStore real = new LocalArtifactStore(directory, URI.create("http://host"), new byte[64]);
    return new DecoratedStore(real) {
      @Override
      public ArtifactPlace place() {
        return place;
      }

      @Override
      public URI signedUrl(ObjectKey key, Instant now, Duration expiry) {
        return URI.create(
            "http://"
                + (place instanceof ArtifactPlace.Bucket bucket ? bucket.name() : "here")
                + "/"
                + key.file());
      }
    };
  }

  private ArtifactUrls urls(
      ArtifactPlace configured, Function<ArtifactPlace, Optional<ArtifactStore>> others) {
    return new ArtifactUrls(store(configured), others, Duration.ofDays(1), new MovableClock());
  }

  private Standing published(Optional<ArtifactPlace> place, JobFiles files) {
    return new Standing(
        id,
        "ann",
        JobStatus.Phase.SUCCESS,
        Optional.of(new Standing.Published("model.zip", place, files)));
  }

  @Test
  void aUrlLeadsToWhereTheJobWasPublishedWhateverIsConfigured() {
    ArtifactUrls urls = urls(BUCKET, place -> Optional.of(store(place)));
    assertThat(urls.urlFor(published(Optional.of(BUCKET), JobFiles.KEPT)))
        .contains(URI.create("http://models/model.zip"));
    assertThat(urls.urlFor(published(Optional.of(EARLIER), JobFiles.KEPT)))
        .contains(URI.create("http://earlier/model.zip"));
    assertThat(urls.urlFor(published(Optional.of(HERE), JobFiles.KEPT)))
        .contains(URI.create("http://here/model.zip"));
    assertThat(urls.urlFor(published(Optional.empty(), JobFiles.KEPT)))
        .contains(URI.create("http://models/model.zip"));
  }

  @Test
  void whatRetentionRemovedFromThisMachineHasNoUrl() {
    ArtifactUrls urls = urls(BUCKET, place -> Optional.of(store(place)));
    Standing here = published(Optional.of(HERE), JobFiles.SWEPT);
    assertThat(urls.urlFor(here)).isEmpty();
    assertThat(urls.whyOutOfReach(here)).isEmpty();
    assertThat(urls.urlFor(published(Optional.of(BUCKET), JobFiles.SWEPT))).isPresent();
    assertThat(
            urls(HERE, _ -> Optional.empty())
                .urlFor(published(Optional.empty(), JobFiles.SWEEPING)))
        .isEmpty();
  }

  @Test
  void whereItCannotBeSignedItSaysWhereTheArtifactsAre() {
    ArtifactUrls urls = urls(HERE, _ -> Optional.empty());
    Standing earlier = published(Optional.of(EARLIER), JobFiles.KEPT);
    assertThat(urls.urlFor(earlier)).isEmpty();
    assertThat(urls.whyOutOfReach(earlier).orElseThrow())
        .contains("S3 bucket earlier at https://s3.example.org", "store.s3");
    assertThat(urls.whyOutOfReach(published(Optional.empty(), JobFiles.KEPT))).isEmpty();
  }
}
