package io.gpurunner.agent.run;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobArtifacts;
import io.gpurunner.api.JobId;
import io.gpurunner.api.RequestRefusedException;
import io.gpurunner.api.RequestRefusedException.Kind;
import io.gpurunner.storage.ArtifactPlace;
import io.gpurunner.storage.StorageException;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PublishedFilesTest {
  @TempDir Path directory;

  @SuppressWarnings("NullAway.Init") // created before each test
  private RunHarness run;

  @SuppressWarnings("NullAway.Init") // created before each test
  private PublishedFiles published;

  @BeforeEach
  void make() {
    run = new RunHarness(directory);
    published =
        new PublishedFiles(
            new ArtifactUrls(run.store, _ -> Optional.empty(), Duration.ofDays(7), run.clock));
  }

  @AfterEach
  void close() {
    run.close();
  }

  private JobArtifacts of(JobId id) {
    return published.of(run.job(id));
  }

  private JobId succeeded(String... files) {
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
    run.settle(id);
    for (String file : files) {
      run.writeModel(id, file, "weights");
    }
    run.toTheEnd(id);
    return id;
  }

  @Test
  void aSuccessHasItsFileItsManifestAndNewUrls() {
    JobId id = succeeded("ds_model.bin");

    JobArtifacts found = of(id);

    assertThat(found.state()).isEqualTo("SUCCEEDED");
    assertThat(found.reason()).isEmpty();
    assertThat(found.files())
        .extracting(JobArtifacts.File::name)
        .containsExactly("ds_model.bin", "manifest.json");
    assertThat(found.files().getFirst().bytes()).hasValue("weights".length());
    String manifest = UTF_8.decode(found.manifest().orElseThrow()).toString();
    assertThat(manifest).contains("\"path\":\"ds_model.bin\"", "\"bytes\":7");
    assertThat(found.files().getLast().bytes()).hasValue(manifest.getBytes(UTF_8).length);
    URI url = found.files().getFirst().url();
    run.clock.advance(Duration.ofDays(6));
    assertThat(of(id).files().getFirst().url()).isNotEqualTo(url);
  }

  @Test
  void theSizeOfAnArchiveIsThatOfTheObject() throws IOException {
    JobId id = succeeded("a", "b");

    assertThat(of(id).files().getFirst())
        .satisfies(
            file -> {
              assertThat(file.name()).isEqualTo("data.zip");
              assertThat(file.bytes()).hasValue(Files.size(run.stored(run.job(id), "data.zip")));
            });
  }

  @Test
  void whatHasPublishedNothingSaysWhy() {
    JobId queued = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 1));
    assertThat(of(queued).reason().orElseThrow()).contains("has not ended");
    run.toTheEnd(queued);
    assertThat(of(queued).reason().orElseThrow())
        .contains("the job failed", "stay on this machine");
    run.ledger.giveFilesUp(queued);
    assertThat(of(queued).reason().orElseThrow()).contains("were removed");
    JobId deleted = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 1));
    run.ledger.requestDeletion(deleted, "ann");
    assertThat(of(deleted).reason().orElseThrow()).contains("was deleted");
    JobId empty = succeeded();
    assertThat(of(empty).reason().orElseThrow()).contains("held no file");
    for (JobId id : new JobId[] {queued, deleted, empty}) {
      assertThat(of(id).files()).isEmpty();
      assertThat(of(id).manifest()).isEmpty();
    }
  }

  @Test
  void anUploadThatFailedSaysThatItCanBeMadeAgain() {
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
    run.settle(id);
    run.writeModel(id, "ds_model.bin", "weights");
    for (int i = 0; i < 100; i++) {
      run.store.failNext(StorageException.Kind.REFUSED);
    }
    run.until(id, JobState.Uploading.class);
    assertThat(of(id).reason().orElseThrow()).contains("are being uploaded");
    run.toTheEnd(id);
    assertThat(of(id).reason().orElseThrow()).contains("retry-upload");
  }

  @Test
  void whatRetentionRemovedSaysSo() {
    JobId id = succeeded("ds_model.bin");
    run.ledger.giveFilesUp(id);

    assertThat(of(id).files()).isEmpty();
    assertThat(of(id).reason().orElseThrow()).contains("jobs.retention");
  }

  @Test
  void whatSomebodyRemovedFromTheStoreSaysSo() throws IOException {
    JobId id = succeeded("ds_model.bin");
    Files.delete(run.stored(run.job(id), "manifest.json"));

    assertThat(of(id).files()).isEmpty();
    assertThat(of(id).reason().orElseThrow()).contains("no longer in the store on this machine");
  }

  @Test
  void aStoreThatDoesNotAnswerIsNoAnswerAboutTheJob() {
    JobId id = succeeded("ds_model.bin");
    run.store.failReads(StorageException.Kind.UNAVAILABLE);

    assertThatThrownBy(() -> of(id))
        .isInstanceOfSatisfying(
            RequestRefusedException.class,
            refused -> assertThat(refused.kind()).isEqualTo(Kind.UNAVAILABLE))
        .hasMessageContaining("the store on this machine does not answer");
    run.store.heal();
    assertThat(of(id).files()).hasSize(2);
  }

  @Test
  void aStoreThatMayNotBeReadLeavesTheFilesWithoutTheirSizes() {
    JobId id = succeeded("ds_model.bin");
    run.store.failReads(StorageException.Kind.REFUSED);

    JobArtifacts found = of(id);

    assertThat(found.files())
        .extracting(JobArtifacts.File::bytes)
        .containsExactly(OptionalLong.empty(), OptionalLong.empty());
    assertThat(found.manifestReason().orElseThrow()).contains("may not read");
  }

  @Test
  void aLongManifestIsLeftOutWithAWord() throws IOException {
    JobId id = succeeded("ds_model.bin");
    Path manifest = run.stored(run.job(id), "manifest.json");
    Files.write(manifest, new byte[PublishedFiles.MANIFEST_LIMIT_BYTES]);
    assertThat(of(id).manifest()).isPresent();
    Files.write(manifest, new byte[PublishedFiles.MANIFEST_LIMIT_BYTES + 1]);

    assertThat(of(id).manifest()).isEmpty();
    assertThat(of(id).manifestReason().orElseThrow()).contains("longer than 8388608 bytes");
    assertThat(of(id).files().getLast().bytes()).hasValue((8 << 20) + 1L);
  }

  @Test
  void aStoreWithoutKeysSaysWhatToConfigure() {
    JobId id = succeeded("ds_model.bin");
    Job job = run.job(id);
    JobState.Succeeded elsewhere =
        new JobState.Succeeded(
            Instant.EPOCH,
            Optional.empty(),
            Optional.of("ds_model.bin"),
            Optional.of(new ArtifactPlace.Bucket(Optional.empty(), "r", "models")));

    JobArtifacts found = published.of(job.moved(elsewhere));

    assertThat(found.files()).isEmpty();
    assertThat(found.reason().orElseThrow()).contains("S3 bucket models", "has no keys");
  }
}
