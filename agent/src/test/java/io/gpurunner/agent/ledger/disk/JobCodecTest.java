package io.gpurunner.agent.ledger.disk;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.ImageReference;
import io.gpurunner.api.JobId;
import io.gpurunner.storage.ArtifactPlace;
import java.io.IOException;
import java.net.URI;
import java.time.Instant;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class JobCodecTest {
  private static final Instant T = Instant.parse("2026-01-01T00:00:00Z");

  static Stream<ArtifactPlace> places() {
    return Stream.of(
        new ArtifactPlace.Local(),
        new ArtifactPlace.Bucket(Optional.empty(), "eu-west-1", "models"),
        new ArtifactPlace.Bucket(
            Optional.of(URI.create("https://s3.example.org")), "us-east-1", "models"));
  }

  @ParameterizedTest
  @MethodSource("places")
  void thePlaceOfArtifactsIsReadBack(ArtifactPlace place) throws IOException {
    JobState state =
        new JobState.Succeeded(T, Optional.of(T), Optional.of("model.zip"), Optional.of(place));
    assertThat(JobCodec.read(JobCodec.write(state), JobState.class)).isEqualTo(state);
  }

  /** Older agents, which knew one store only, wrote it like this. */
  @Test
  void anOlderSuccessHasNoPlace() throws IOException {
    String older =
        """
        {"state":"SUCCEEDED","finishedAt":"2026-01-01T00:00:00Z","startedAt":"2026-01-01T00:00:00Z","artifact":"model.zip"}""";
    assertThat(JobCodec.read(older, JobState.class))
        .isEqualTo(
            new JobState.Succeeded(T, Optional.of(T), Optional.of("model.zip"), Optional.empty()));
  }

  /** Older agents did not measure what jobs do with their GPUs. */
  @Test
  void anOlderJobHasNoGpuUse() throws IOException {
    Job job = Job.created(JobId.random(), "ann", 1, T, Requests.simple().build());
    String today = JobCodec.text(job);
    String older = today.replace(",\"gpuUse\":[]", "");
    assertThat(older).isNotEqualTo(today);
    assertThat(JobCodec.read(older, Job.class)).isEqualTo(job);
  }

  @ParameterizedTest
  @ValueSource(strings = {"busybox", "registry.example.org:5000/team/train:1"})
  void anImageReferenceIsKeptAsItsText(String image) throws IOException {
    ImageReference reference = ImageReference.of(image);
    assertThat(JobCodec.text(reference)).isEqualTo('"' + image + '"');
    assertThat(JobCodec.read(JobCodec.write(reference), ImageReference.class)).isEqualTo(reference);
  }
}
