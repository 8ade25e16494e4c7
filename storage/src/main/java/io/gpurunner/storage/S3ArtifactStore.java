package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.SdkHttpMethod;
import software.amazon.awssdk.http.SdkHttpRequest;
import software.amazon.awssdk.http.apache5.Apache5HttpClient;
import software.amazon.awssdk.http.auth.aws.signer.AwsV4FamilyHttpSigner.AuthLocation;
import software.amazon.awssdk.http.auth.aws.signer.AwsV4HttpSigner;
import software.amazon.awssdk.http.auth.spi.signer.HttpSigner;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.retries.StandardRetryStrategy;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.services.s3.model.ListObjectsV2Response;
import software.amazon.awssdk.services.s3.model.MultipartUpload;
import software.amazon.awssdk.services.s3.model.NoSuchUploadException;
import software.amazon.awssdk.services.s3.model.S3Object;

/**
 * Keeps artifacts in an S3 bucket, Amazon's or a compatible one, under {@code <folder>/<file>}.
 * Thread-safe.
 *
 * <p>Memory does not grow with the object: parts are read while they are sent. Every request is
 * bounded in time and tried {@link S3Calls#ATTEMPTS} times at most. The caller decides whether to
 * wait longer.
 */
public final class S3ArtifactStore implements ArtifactStore {
  /** The limit of AWS Signature Version 4. */
  private static final Duration MAX_EXPIRY = Duration.ofDays(7);

  private static final Duration CONNECT_LIMIT = Duration.ofSeconds(10);
  private static final Duration SILENCE_LIMIT = Duration.ofSeconds(60);

  /**
   * The largest number of connections. It is enough for every job of a large machine to upload at
   * once.
   */
  private static final int MAX_CONNECTIONS = 256;

  private static final int PAGE = 1000;
  private static final int MAX_PAGES = 100;

  /**
   * The key of the probe object. It is outside every job's folder, because no folder's name begins
   * with a dot.
   */
  private static final String PROBE_KEY = ".gpurunner-probe";

  private final S3Settings settings;
  private final String description;
  private final S3Keys keys;
  private final S3Client client;
  private final S3Calls calls;
  private final AtomicBoolean mayAbort = new AtomicBoolean(true);

  /**
   * Opens the store. Nothing is sent yet.
   *
   * @throws StorageException REFUSED if a key file cannot be read
   */
  public S3ArtifactStore(S3Settings settings) {
    this(settings, S3Calls.CALL_LIMIT);
  }

  S3ArtifactStore(S3Settings settings, Duration callLimit) {
    this.settings = settings;
    this.description = settings.place().description();
    this.keys = new S3Keys(settings.accessKeyFile(), settings.secretKeyFile());
    this.calls = new S3Calls(description, callLimit);
    this.client = client(callLimit);
  }

  private S3Client client(Duration callLimit) {
    S3ClientBuilder builder =
        S3Client.builder()
            .region(Region.of(settings.region()))
            .credentialsProvider(keys)
            // Bodies are plain. The chunks that the SDK would sign over http are refused by some
            // stores (empty ones by Ceph 16), and over https they gain nothing.
            .serviceConfiguration(
                S3Configuration.builder()
                    .pathStyleAccessEnabled(settings.pathStyle())
                    .chunkedEncodingEnabled(false)
                    .build())
            .requestChecksumCalculation(
                switch (settings.checksums()) {
                  case WHEN_REQUIRED -> RequestChecksumCalculation.WHEN_REQUIRED;
                  case WHEN_SUPPORTED -> RequestChecksumCalculation.WHEN_SUPPORTED;
                })
            .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
            .httpClientBuilder(
                Apache5HttpClient.builder()
                    .maxConnections(MAX_CONNECTIONS)
                    .connectionTimeout(CONNECT_LIMIT)
                    .socketTimeout(SILENCE_LIMIT))
            .overrideConfiguration(
                override ->
                    override
                        .apiCallAttemptTimeout(callLimit)
                        .apiCallTimeout(callLimit.multipliedBy(S3Calls.ATTEMPTS))
                        .retryStrategy(
                            StandardRetryStrategy.builder().maxAttempts(S3Calls.ATTEMPTS).build()));
    settings.endpoint().ifPresent(builder::endpointOverride);
    return builder.build();
  }

  @Override
  public String description() {
    return description;
  }

  @Override
  public ArtifactPlace place() {
    return settings.place();
  }

  /**
   * Probes the store. It lists the bucket, if that is allowed. Then it begins an upload and aborts
   * it: that proves the right to write and leaves no object. If aborting is not allowed, it puts an
   * empty object instead, always the same one.
   */
  @Override
  public void probe() {
    calls.whereAllowed("list the bucket, so the agent cannot see what is in it", () -> list(""));
    if (!mayAbort.get()) {
      putEmpty(PROBE_KEY);
      return;
    }
    String uploadId =
        calls.call(
            "begin an upload",
            () ->
                client
                    .createMultipartUpload(
                        request -> request.bucket(settings.bucket()).key(PROBE_KEY))
                    .uploadId());
    mayAbort.set(calls.whereAllowed(S3Calls.LEFTOVERS, () -> abort(PROBE_KEY, uploadId)));
  }

  private void putEmpty(String key) {
    calls.call(
        "put " + key,
        () ->
            client.putObject(
                request -> request.bucket(settings.bucket()).key(key), RequestBody.empty()));
  }

  @Override
  public void put(ObjectKey key, ArtifactContent content, Cancellation cancellation) {
    new S3Upload(client, calls, settings.bucket(), key, content, cancellation).run();
  }

  @Override
  public URI signedUrl(ObjectKey key, Instant now, Duration expiry) {
    URI url =
        URI.create(
            client
                .utilities()
                .getUrl(request -> request.bucket(settings.bucket()).key(key.path()))
                .toString());
    DownloadHeaders headers = DownloadHeaders.of(key.file());
    Duration bounded = expiry.compareTo(MAX_EXPIRY) > 0 ? MAX_EXPIRY : expiry;
    return AwsV4HttpSigner.create()
        .sign(
            request ->
                request
                    .identity(keys.resolveCredentials())
                    .request(
                        SdkHttpRequest.builder()
                            .uri(url)
                            .method(SdkHttpMethod.GET)
                            .putRawQueryParameter(
                                "response-content-disposition", headers.contentDisposition())
                            .putRawQueryParameter("response-content-type", headers.contentType())
                            .build())
                    .putProperty(AwsV4HttpSigner.SERVICE_SIGNING_NAME, "s3")
                    .putProperty(AwsV4HttpSigner.REGION_NAME, settings.region())
                    .putProperty(AwsV4HttpSigner.AUTH_LOCATION, AuthLocation.QUERY_STRING)
                    .putProperty(AwsV4HttpSigner.EXPIRATION_DURATION, bounded)
                    .putProperty(AwsV4HttpSigner.DOUBLE_URL_ENCODE, false)
                    .putProperty(AwsV4HttpSigner.NORMALIZE_PATH, false)
                    .putProperty(AwsV4HttpSigner.PAYLOAD_SIGNING_ENABLED, false)
                    .putProperty(HttpSigner.SIGNING_CLOCK, Clock.fixed(now, ZoneOffset.UTC)))
        .request()
        .getUri();
  }

  /**
   * Removes a folder. The manifest is removed first, so that it never describes objects that are
   * gone.
   */
  @Override
  public void deleteAll(JobFolder folder) {
    String prefix = folder.name() + "/";
    for (int page = 0; page < MAX_PAGES; page++) {
      ListObjectsV2Response listed = list(prefix);
      List<String> keys =
          listed.contents().stream()
              .map(S3Object::key)
              .sorted(Comparator.comparing(key -> !key.equals(prefix + Manifest.FILE)))
              .toList();
      keys.forEach(this::delete);
      if (!Boolean.TRUE.equals(listed.isTruncated())) {
        calls.whereAllowed(S3Calls.LEFTOVERS, () -> abortUploads(prefix));
        return;
      }
    }
    throw new StorageException(
        Kind.UNAVAILABLE,
        "%s: %s holds more than %d objects; so many were removed, try again to remove the rest"
            .formatted(description, prefix, MAX_PAGES * PAGE));
  }

  /**
   * Withdraws a folder with only the rights to get and put. A manifest that may not be deleted is
   * overwritten by an empty one, which announces nothing. Objects that stay are in no later
   * manifest.
   */
  @Override
  public void withdraw(JobFolder folder) {
    String manifest = new ObjectKey(folder, Manifest.FILE).path();
    if (calls.whereAllowed(
        "list or delete objects, so what an earlier upload left stays", () -> deleteAll(folder))) {
      return;
    }
    if (isThere(manifest)
        && !calls.whereAllowed(
            "delete a manifest, so it is overwritten by an empty one", () -> delete(manifest))) {
      putEmpty(manifest);
    }
  }

  /**
   * Returns whether an object is there, by HEAD. If the key may not list the bucket, S3 answers 403
   * for an absent object. If it may not read objects either, nothing can be known.
   */
  private boolean isThere(String key) {
    try {
      calls.call(
          "look for " + key,
          () -> client.headObject(request -> request.bucket(settings.bucket()).key(key)));
      return true;
    } catch (StorageException failure) {
      boolean isNot =
          S3Errors.cause(failure, AwsServiceException.class)
              .filter(answer -> answer.statusCode() == 404 || answer.statusCode() == 403)
              .isPresent();
      if (isNot) {
        return false;
      }
      throw failure;
    }
  }

  private void abortUploads(String prefix) {
    List<MultipartUpload> unfinished =
        calls.call(
            "list unfinished uploads of " + prefix,
            () ->
                client
                    .listMultipartUploads(
                        request ->
                            request.bucket(settings.bucket()).prefix(prefix).maxUploads(PAGE))
                    .uploads());
    unfinished.forEach(upload -> abort(upload.key(), upload.uploadId()));
  }

  private ListObjectsV2Response list(String prefix) {
    return calls.call(
        prefix.isEmpty() ? "list the bucket" : "list " + prefix,
        () ->
            client.listObjectsV2(
                request ->
                    request
                        .bucket(settings.bucket())
                        .prefix(prefix)
                        .maxKeys(prefix.endsWith("/") ? PAGE : 1)));
  }

  private void delete(String key) {
    calls.call(
        "delete " + key,
        () -> client.deleteObject(request -> request.bucket(settings.bucket()).key(key)));
  }

  private void abort(String key, String uploadId) {
    try {
      calls.call(
          "abort the upload of " + key,
          () ->
              client.abortMultipartUpload(
                  request -> request.bucket(settings.bucket()).key(key).uploadId(uploadId)));
    } catch (StorageException failure) {
      Optional<NoSuchUploadException> gone = S3Errors.cause(failure, NoSuchUploadException.class);
      if (gone.isEmpty()) {
        throw failure;
      }
    }
  }

  @Override
  public void close() {
    client.close();
  }
}
