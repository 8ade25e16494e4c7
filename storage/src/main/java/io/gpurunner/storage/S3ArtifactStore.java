package io.gpurunner.storage;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.gpurunner.storage.StorageException.Kind;
import java.net.URI;
import java.security.GeneralSecurityException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import org.apache.hc.client5.http.ssl.DefaultClientTlsStrategy;
import org.apache.hc.client5.http.ssl.HostnameVerificationPolicy;
import org.apache.hc.client5.http.ssl.NoopHostnameVerifier;
import org.apache.hc.client5.http.ssl.TlsSocketStrategy;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.http.SdkHttpMethod;
import software.amazon.awssdk.http.SdkHttpRequest;
import software.amazon.awssdk.http.apache5.Apache5HttpClient;
import software.amazon.awssdk.http.apache5.ProxyConfiguration;
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
import software.amazon.awssdk.services.s3.model.NoSuchBucketException;
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

  private static final ArtifactContent PROBE =
      new BytesContent(
          "The agent wrote this to see whether it may write here.\n".getBytes(UTF_8), "text/plain");

  private static final ArtifactContent NOTHING = new BytesContent(new byte[0], "text/plain");

  /**
   * How long a proof that the store takes objects counts. Each leaves a version in a bucket that
   * keeps all versions.
   */
  private static final Duration PROOF_AGE = Duration.ofHours(1);

  private final S3Settings settings;
  private final String description;
  private final S3Keys keys;
  private final S3Client client;
  private final S3Calls calls;
  private final BodyDigests digests;
  private final LongSupplier nanoTime;

  private final AtomicInteger failedUploads = new AtomicInteger();
  private volatile Optional<Proof> proof = Optional.empty();

  /**
   * The store took the probe.
   *
   * @param at when, in nanoseconds
   * @param failedUploads how many uploads had failed before; after another one it counts no more
   */
  private record Proof(long at, int failedUploads) {}

  /**
   * Opens the store. Nothing is sent yet.
   *
   * @throws StorageException REFUSED if a key file cannot be read
   */
  public S3ArtifactStore(S3Settings settings) {
    this(settings, S3Calls.CALL_LIMIT, System::nanoTime);
  }

  S3ArtifactStore(S3Settings settings, Duration callLimit, LongSupplier nanoTime) {
    this.settings = settings;
    this.nanoTime = nanoTime;
    this.description =
        settings.place().description()
            + settings.proxy().map(way -> " by the proxy " + way).orElse("");
    this.keys = new S3Keys(settings.accessKeyFile(), settings.secretKeyFile());
    this.calls = new S3Calls(description, callLimit);
    this.digests = new BodyDigests(description, settings.checksums());
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
                  case AUTO, WHEN_REQUIRED -> RequestChecksumCalculation.WHEN_REQUIRED;
                  case WHEN_SUPPORTED -> RequestChecksumCalculation.WHEN_SUPPORTED;
                })
            .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
            .httpClientBuilder(
                Apache5HttpClient.builder()
                    .maxConnections(MAX_CONNECTIONS)
                    .connectionTimeout(CONNECT_LIMIT)
                    .socketTimeout(SILENCE_LIMIT)
                    .proxyConfiguration(proxy())
                    .tlsSocketStrategy(tls()))
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
   * Returns how TLS begins. Java checks the host's name too, so one judge sees all that is wrong.
   */
  private TlsSocketStrategy tls() {
    try {
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(null, new TrustManager[] {settings.trust()}, null);
      return new DefaultClientTlsStrategy(
          context, HostnameVerificationPolicy.BUILTIN, NoopHostnameVerifier.INSTANCE);
    } catch (GeneralSecurityException absent) {
      throw new IllegalStateException("every Java has TLS", absent);
    }
  }

  private ProxyConfiguration proxy() {
    // The proxies of the environment and of Java's properties are not meant for the agent.
    ProxyConfiguration.Builder proxy =
        ProxyConfiguration.builder()
            .useEnvironmentVariableValues(false)
            .useSystemPropertyValues(false);
    settings.proxy().ifPresent(proxy::endpoint);
    return proxy.build();
  }

  /**
   * Probes the store. It lists the bucket, if that is allowed. If the last proof is old, or
   * something failed since, it uploads a small object as any other, and deletes it if that is
   * allowed.
   */
  @Override
  public void probe() {
    calls.whereAllowed("list the bucket, so the agent cannot see what is in it", () -> list(""));
    int failed = failedUploads.get();
    long now = nanoTime.getAsLong();
    if (proof
        .filter(last -> last.failedUploads() == failed && now - last.at() < PROOF_AGE.toNanos())
        .isPresent()) {
      return;
    }
    Optional<String> version = upload(PROBE_KEY, PROBE, Cancellation.NEVER);
    proof = Optional.of(new Proof(now, failed));
    calls.unlessItFails(
        "delete the object " + PROBE_KEY + ", so it stays", () -> delete(PROBE_KEY, version));
  }

  /** Uploads an object. Returns its version if the bucket keeps all versions. */
  private Optional<String> upload(String key, ArtifactContent content, Cancellation cancellation) {
    boolean done = false;
    try {
      Optional<String> version =
          new S3Upload(client, calls, digests, settings.bucket(), key, content, cancellation).run();
      done = true;
      return version;
    } finally {
      if (!done) {
        failedUploads.incrementAndGet();
      }
    }
  }

  @Override
  public void put(ObjectKey key, ArtifactContent content, Cancellation cancellation) {
    upload(key.path(), content, cancellation);
  }

  /**
   * Looks at an object. An absent one is 404, and 403 if the key may not list the bucket. So an
   * object that is refused may also be absent.
   */
  @Override
  public Optional<StoredObject> read(ObjectKey key, int maxBytes) {
    try {
      return Optional.of(
          calls.call(
              "read " + key.path(),
              () -> maxBytes == 0 ? sizeOf(key.path()) : content(key.path(), maxBytes)));
    } catch (StorageException failure) {
      if (S3Errors.cause(failure, AwsServiceException.class)
          .filter(answer -> answer.statusCode() == 404)
          .filter(answer -> !(answer instanceof NoSuchBucketException))
          .isPresent()) {
        return Optional.empty();
      }
      throw failure;
    }
  }

  private StoredObject sizeOf(String key) {
    return StoredObject.ofSize(
        client
            .headObject(
                request ->
                    request
                        .bucket(settings.bucket())
                        .key(key)
                        .overrideConfiguration(S3Calls.lookLimits()))
            .contentLength());
  }

  private StoredObject content(String key, int maxBytes) {
    return client.getObject(
        request ->
            request.bucket(settings.bucket()).key(key).overrideConfiguration(S3Calls.lookLimits()),
        (response, in) -> {
          long bytes = response.contentLength();
          if (bytes > maxBytes) {
            in.abort(); // the rest is not read
            return StoredObject.ofSize(bytes);
          }
          return StoredObject.ofContent(in.readNBytes(maxBytes));
        });
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
      keys.forEach(key -> delete(key, Optional.empty()));
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
            "delete a manifest, so it is overwritten by an empty one",
            () -> delete(manifest, Optional.empty()))) {
      upload(manifest, NOTHING, Cancellation.NEVER);
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

  private void delete(String key, Optional<String> version) {
    calls.call(
        "delete " + key,
        () ->
            client.deleteObject(
                request -> {
                  request.bucket(settings.bucket()).key(key);
                  version.ifPresent(request::versionId);
                }));
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
