package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.ContentStreamProvider;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.CompletedPart;
import software.amazon.awssdk.services.s3.model.MultipartUpload;

/**
 * Uploads one object to S3. An object of one part goes by a single request, a larger one as a
 * multipart upload. Some threads read and send its parts at once, straight from the content, so
 * that none is kept in memory.
 */
final class S3Upload {
  private static final Logger log = LoggerFactory.getLogger(S3Upload.class);

  /** The number of parts of one object that are sent at once. */
  static final int PARALLEL_PARTS = 4;

  /**
   * The largest number of leftovers that are aborted. An upload leaves one if the agent crashes
   * during it.
   */
  private static final int MAX_LEFTOVERS = 1000;

  private final S3Client client;
  private final S3Calls calls;
  private final BodyDigests digests;
  private final String bucket;
  private final String key;
  private final ArtifactContent content;
  private final Cancellation cancellation;
  private final AtomicBoolean failed = new AtomicBoolean();

  S3Upload(
      S3Client client,
      S3Calls calls,
      BodyDigests digests,
      String bucket,
      String key,
      ArtifactContent content,
      Cancellation cancellation) {
    this.client = client;
    this.calls = calls;
    this.digests = digests;
    this.bucket = bucket;
    this.key = key;
    this.content = content;
    this.cancellation = cancellation;
  }

  /** Uploads it. Returns the object's version if the bucket keeps all versions. */
  Optional<String> run() {
    checkCancelled();
    PartPlan plan = PartPlan.of(content.lengthBytes());
    abortLeftovers();
    return plan.parts() == 1 ? putWhole(plan) : putInParts(plan);
  }

  private String fileName() {
    return key.substring(key.lastIndexOf('/') + 1);
  }

  private Optional<String> putWhole(PartPlan plan) {
    return calls.call(
        "put " + key,
        () -> {
          try (Source source = new Source(0, plan.lengthBytes())) {
            return Optional.ofNullable(
                digests
                    .send(
                        source,
                        md5 ->
                            client.putObject(
                                request -> {
                                  request
                                      .bucket(bucket)
                                      .key(key)
                                      .contentType(content.mediaType())
                                      .contentDisposition(
                                          DownloadHeaders.of(fileName()).contentDisposition())
                                      .overrideConfiguration(calls.limits(plan.lengthBytes()));
                                  md5.ifPresent(request::contentMD5);
                                },
                                source.body()))
                    .versionId());
          }
        });
  }

  private Optional<String> putInParts(PartPlan plan) {
    String uploadId =
        calls.call(
            "begin the upload of " + key,
            () ->
                client
                    .createMultipartUpload(
                        request ->
                            request
                                .bucket(bucket)
                                .key(key)
                                .contentType(content.mediaType())
                                .contentDisposition(
                                    DownloadHeaders.of(fileName()).contentDisposition()))
                    .uploadId());
    boolean complete = false;
    try {
      List<CompletedPart> parts = sendParts(plan, uploadId);
      checkCancelled();
      Optional<String> version =
          calls.call(
              "complete the upload of " + key,
              () ->
                  Optional.ofNullable(
                      client
                          .completeMultipartUpload(
                              request ->
                                  request
                                      .bucket(bucket)
                                      .key(key)
                                      .uploadId(uploadId)
                                      .multipartUpload(upload -> upload.parts(parts))
                                      .overrideConfiguration(
                                          calls.limits(plan.lengthBytes() / 1024)))
                          .versionId()));
      complete = true;
      return version;
    } finally {
      if (!complete) {
        abortQuietly(uploadId);
      }
    }
  }

  private List<CompletedPart> sendParts(PartPlan plan, String uploadId) {
    AtomicReferenceArray<CompletedPart> sent = new AtomicReferenceArray<>(plan.parts());
    AtomicInteger next = new AtomicInteger();
    List<CompletableFuture<Boolean>> workers = new ArrayList<>();
    for (int worker = 0; worker < Math.min(PARALLEL_PARTS, plan.parts()); worker++) {
      workers.add(
          calls.start(
              "put parts of " + key,
              () -> {
                sendFrom(next, plan, uploadId, sent);
                return true;
              }));
    }
    Optional<StorageException> failure = Optional.empty();
    for (CompletableFuture<Boolean> worker : workers) {
      try {
        S3Calls.wait(worker);
      } catch (StorageException raised) {
        // The other workers stop because of the first failure, and report only "cancelled".
        if (failure.isEmpty() || failure.get().kind() == Kind.CANCELLED) {
          failure = Optional.of(raised);
        }
      }
    }
    if (failure.isPresent()) {
      throw failure.get();
    }
    checkCancelled();
    List<CompletedPart> parts = new ArrayList<>();
    for (int part = 0; part < plan.parts(); part++) {
      parts.add(sent.get(part));
    }
    return parts;
  }

  private void sendFrom(
      AtomicInteger next,
      PartPlan plan,
      String uploadId,
      AtomicReferenceArray<CompletedPart> sent) {
    boolean done = false;
    try {
      for (int part = next.getAndIncrement();
          part < plan.parts() && !stopped();
          part = next.getAndIncrement()) {
        sent.set(part, sendPart(plan, part, uploadId));
      }
      done = true;
    } finally {
      if (!done) {
        failed.set(true);
      }
    }
  }

  private CompletedPart sendPart(PartPlan plan, int part, String uploadId) {
    long length = plan.length(part);
    try (Source source = new Source(plan.offset(part), length)) {
      String etag =
          digests
              .send(
                  source,
                  md5 ->
                      client.uploadPart(
                          request -> {
                            request
                                .bucket(bucket)
                                .key(key)
                                .uploadId(uploadId)
                                .partNumber(part + 1)
                                .overrideConfiguration(calls.limits(length));
                            md5.ifPresent(request::contentMD5);
                          },
                          source.body()))
              .eTag();
      return CompletedPart.builder().partNumber(part + 1).eTag(etag).build();
    }
  }

  /**
   * Aborts what earlier uploads left. The parts that a crashed agent sent cost money until someone
   * removes them.
   */
  private void abortLeftovers() {
    calls.whereAllowed(
        S3Calls.LEFTOVERS,
        () -> {
          for (MultipartUpload leftover : listLeftovers()) {
            if (leftover.key().equals(key)) {
              abortQuietly(leftover.uploadId());
            }
          }
        });
  }

  private List<MultipartUpload> listLeftovers() {
    return calls.call(
        "list unfinished uploads of " + key,
        () ->
            client
                .listMultipartUploads(
                    request -> request.bucket(bucket).prefix(key).maxUploads(MAX_LEFTOVERS))
                .uploads());
  }

  private void abortQuietly(String uploadId) {
    try {
      calls.whereAllowed(
          S3Calls.LEFTOVERS,
          () ->
              calls.call(
                  "abort the upload of " + key,
                  () ->
                      client.abortMultipartUpload(
                          request -> request.bucket(bucket).key(key).uploadId(uploadId))));
    } catch (StorageException failure) {
      // The next upload to this key, or the removal of the folder, aborts it.
      log.warn("{}", failure.getMessage());
    }
  }

  private boolean stopped() {
    return failed.get() || cancellation.isCancelled();
  }

  private void checkCancelled() {
    if (cancellation.isCancelled()) {
      throw new StorageException(Kind.CANCELLED, "writing %s was cancelled".formatted(key));
    }
  }

  /** A range of the content for the SDK, which opens it again for each retry. */
  private final class Source implements ContentStreamProvider, AutoCloseable {
    private final long offset;
    private final long length;
    private Optional<InputStream> open = Optional.empty();

    Source(long offset, long length) {
      this.offset = offset;
      this.length = length;
    }

    RequestBody body() {
      return RequestBody.fromContentProvider(this, length, content.mediaType());
    }

    @Override
    public InputStream newStream() {
      close();
      try {
        InputStream stream = new RangeStream(content.open(offset), length, S3Upload.this::stopped);
        open = Optional.of(stream);
        return stream;
      } catch (IOException failure) {
        throw new UncheckedIOException("cannot read the content of " + key, failure);
      }
    }

    @Override
    public void close() {
      try {
        if (open.isPresent()) {
          open.get().close();
        }
      } catch (IOException failure) {
        log.warn("the content of {} could not be closed: {}", key, FileFault.words(failure));
      }
      open = Optional.empty();
    }
  }
}
