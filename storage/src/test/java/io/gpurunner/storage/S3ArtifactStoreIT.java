package io.gpurunner.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.gpurunner.storage.S3Settings.Checksums;
import io.gpurunner.storage.StorageException.Kind;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.http.apache5.Apache5HttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.ListObjectVersionsResponse;
import software.amazon.awssdk.services.s3.model.MultipartUpload;
import software.amazon.awssdk.services.s3.model.ObjectVersion;

class S3ArtifactStoreIT extends ArtifactStoreContract {
  private static final long PLENTY = Long.MAX_VALUE;

  private static final Duration BOUND = Duration.ofSeconds(60);

  private final S3Settings settings = TestS3.settings();
  private final S3ArtifactStore store = new S3ArtifactStore(settings);
  private final HttpClient http = HttpClient.newHttpClient();

  @TempDir Path directory;

  @Override
  protected ArtifactStore store() {
    return store;
  }

  private HttpResponse<byte[]> get(URI url, long from, long to) throws Exception {
    return http.send(
        HttpRequest.newBuilder(url).header("Range", "bytes=" + from + "-" + to).build(),
        BodyHandlers.ofByteArray());
  }

  @Override
  protected boolean isThere(ObjectKey key) {
    return TestS3.isThere(store, key);
  }

  @Override
  byte[] fetch(URI url, long from, long to) throws Exception {
    HttpResponse<byte[]> response = get(url, from, to);
    assertThat(response.statusCode()).as(url.toString()).isEqualTo(206);
    return response.body();
  }

  @Override
  void assertRefused(URI url) throws Exception {
    assertThat(get(url, 0, 1).statusCode()).as(url.toString()).isEqualTo(403);
  }

  @Override
  List<String> unfinished(JobFolder folder) throws Exception {
    try (S3Client client = client()) {
      return client
          .listMultipartUploads(
              request -> request.bucket(settings.bucket()).prefix(folder.name() + "/"))
          .uploads()
          .stream()
          .map(MultipartUpload::key)
          .toList();
    }
  }

  private S3Client client() throws IOException {
    return S3Client.builder()
        .endpointOverride(settings.endpoint().orElseThrow())
        .region(Region.of(settings.region()))
        .forcePathStyle(true)
        .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
        .httpClientBuilder(Apache5HttpClient.builder())
        .credentialsProvider(
            StaticCredentialsProvider.create(
                AwsBasicCredentials.create(
                    Files.readString(settings.accessKeyFile()).strip(),
                    Files.readString(settings.secretKeyFile()).strip())))
        .build();
  }

  private S3ArtifactStore with(URI endpoint, String bucket, Path secretKeyFile) {
    return with(endpoint, bucket, secretKeyFile, Checksums.AUTO);
  }

  private S3ArtifactStore with(
      URI endpoint, String bucket, Path secretKeyFile, Checksums checksums) {
    return new S3ArtifactStore(
        new S3Settings(
            Optional.of(endpoint),
            settings.region(),
            bucket,
            true,
            settings.accessKeyFile(),
            secretKeyFile,
            checksums,
            Optional.empty(),
            new ServerTrust(Optional.empty())));
  }

  private S3ArtifactStore by(URI endpoint, Optional<URI> proxy, Optional<Path> caFile) {
    return new S3ArtifactStore(
        new S3Settings(
            Optional.of(endpoint),
            settings.region(),
            settings.bucket(),
            true,
            settings.accessKeyFile(),
            settings.secretKeyFile(),
            Checksums.AUTO,
            proxy,
            new ServerTrust(caFile)));
  }

  private URI endpoint() {
    return settings.endpoint().orElseThrow();
  }

  @Test
  void abortsWhatACrashedUploadLeft() throws Exception {
    try (S3Client client = client()) {
      for (String file : List.of("large", "large-other")) {
        client.createMultipartUpload(
            request -> request.bucket(settings.bucket()).key(key(file).path()));
      }
    }
    assertThat(unfinished(folder)).hasSize(2);

    store.put(key("large"), content(HELLO), Cancellation.NEVER);
    assertThat(unfinished(folder)).containsExactly(key("large-other").path());

    store.deleteAll(folder);
    assertThat(unfinished(folder)).isEmpty();
  }

  @Test
  void bearsParallelUploads() throws Exception {
    byte[] large = randomBytes(34 << 20);
    List<Thread> threads =
        java.util.stream.IntStream.range(0, 4)
            .mapToObj(
                number ->
                    Thread.ofVirtual()
                        .start(
                            () -> store.put(key("f" + number), content(large), Cancellation.NEVER)))
            .toList();
    for (Thread thread : threads) {
      thread.join();
    }
    for (int number = 0; number < 4; number++) {
      assertThat(fetch(key("f" + number), large.length)).isEqualTo(large);
    }
  }

  /** Some stores keep the encoding of the transfer with the object, and send it to every client. */
  @Test
  void keepsNoEncodingOfTheTransfer() throws Exception {
    try (S3Client client = client()) {
      for (Checksums checksums : Checksums.values()) {
        for (int bytes : new int[] {0, 5, 40 << 20}) {
          ObjectKey key = key(checksums + "-" + bytes);
          try (S3ArtifactStore other =
              with(endpoint(), settings.bucket(), settings.secretKeyFile(), checksums)) {
            other.put(key, content(randomBytes(bytes)), Cancellation.NEVER);
          }
          HeadObjectResponse head =
              client.headObject(request -> request.bucket(settings.bucket()).key(key.path()));
          assertThat(head.contentLength()).as(key.path()).isEqualTo(bytes);
          assertThat(head.contentEncoding()).as(key.path()).isNull();
          assertThat(head.contentType()).isEqualTo("application/octet-stream");
        }
      }
    }
  }

  @Test
  void publishesWithAKeyThatMayOnlyPutAndGet() throws Exception {
    String bucket = "gpurunner-" + UUID.randomUUID();
    try (S3Client client = client();
        S3ArtifactStore limited = with(endpoint(), bucket, settings.secretKeyFile())) {
      client.createBucket(request -> request.bucket(bucket));
      client.putBucketPolicy(request -> request.bucket(bucket).policy(onlyPutAndGet(bucket)));
      try {
        publishTwice(client, bucket, limited);
      } finally {
        client.deleteBucketPolicy(request -> request.bucket(bucket));
        limited.deleteAll(folder);
        client.deleteObject(request -> request.bucket(bucket).key(".gpurunner-probe"));
        client
            .listMultipartUploads(request -> request.bucket(bucket))
            .uploads()
            .forEach(
                upload ->
                    client.abortMultipartUpload(
                        request ->
                            request.bucket(bucket).key(upload.key()).uploadId(upload.uploadId())));
        client.deleteBucket(request -> request.bucket(bucket));
      }
    }
  }

  private static String onlyPutAndGet(String bucket) {
    return """
    {"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*",
      "Action":["s3:ListBucket","s3:ListBucketMultipartUploads","s3:DeleteObject",
                "s3:AbortMultipartUpload","s3:ListMultipartUploadParts"],
      "Resource":["arn:aws:s3:::%1$s","arn:aws:s3:::%1$s/*"]}]}
    """
        .formatted(bucket);
  }

  private void publishTwice(S3Client client, String bucket, S3ArtifactStore limited)
      throws Exception {
    assertDenied(() -> limited.deleteAll(folder));
    limited.probe();
    limited.probe();
    ArtifactPublisher publisher = new ArtifactPublisher(limited, new FileWork());
    Path model = Files.createDirectory(directory.resolve("model"));
    ModelSource source =
        new ModelSource(
            model,
            Path.of("/data2"),
            Files.createDirectory(directory.resolve("checkpoint")),
            Path.of("/data"));
    Files.write(model.resolve("a"), randomBytes(20 << 20));
    Files.writeString(model.resolve("b"), "b");
    publisher.publish(folder, source, PLENTY, Cancellation.NEVER);
    assertThat(object(client, bucket, "data.zip")).hasSizeGreaterThan(20 << 20);
    assertThat(new String(object(client, bucket, Manifest.FILE), UTF_8)).contains("data.zip");

    // From here on, the old manifest would describe objects of another upload.
    Files.delete(model.resolve("b"));
    Cancellation onceTheOldIsGone = () -> object(client, bucket, Manifest.FILE).length == 0;
    assertThatThrownBy(() -> publisher.publish(folder, source, PLENTY, onceTheOldIsGone))
        .asInstanceOf(type(StorageException.class))
        .extracting(StorageException::kind)
        .isEqualTo(Kind.CANCELLED);
    assertThat(object(client, bucket, Manifest.FILE)).isEmpty();

    publisher.publish(folder, source, PLENTY, Cancellation.NEVER);
    assertThat(object(client, bucket, "a")).isEqualTo(randomBytes(20 << 20));
    assertThat(new String(object(client, bucket, Manifest.FILE), UTF_8))
        .contains("\"artifact\":\"a\"")
        .doesNotContain("data.zip");
    assertDenied(() -> limited.deleteAll(folder));
  }

  private static void assertDenied(ThrowingCallable call) {
    assertThatThrownBy(call)
        .hasMessageContainingAll("AccessDenied", "the key needs PutObject")
        .asInstanceOf(type(StorageException.class))
        .extracting(StorageException::kind)
        .isEqualTo(Kind.REFUSED);
  }

  private byte[] object(S3Client client, String bucket, String file) {
    return client
        .getObjectAsBytes(request -> request.bucket(bucket).key(key(file).path()))
        .asByteArray();
  }

  /** Makes a bucket with object lock, in which each object is kept for a day. */
  private String lockedBucket(S3Client client) {
    String bucket = "gpurunner-" + UUID.randomUUID();
    client.createBucket(request -> request.bucket(bucket).objectLockEnabledForBucket(true));
    client.putObjectLockConfiguration(
        request ->
            request
                .bucket(bucket)
                .objectLockConfiguration(
                    lock ->
                        lock.objectLockEnabled("Enabled")
                            .rule(
                                rule ->
                                    rule.defaultRetention(
                                        kept -> kept.mode("GOVERNANCE").days(1)))));
    return bucket;
  }

  private static List<ObjectVersion> versions(S3Client client, String bucket) {
    return client.listObjectVersions(request -> request.bucket(bucket)).versions();
  }

  @Test
  void publishesToABucketWithObjectLock() throws Exception {
    try (S3Client client = client()) {
      String bucket = lockedBucket(client);
      try (S3ArtifactStore locked = with(endpoint(), bucket, settings.secretKeyFile())) {
        locked.probe();
        locked.probe();
        assertThat(versions(client, bucket)).as("what the probes left").hasSize(1);
        locked.put(key("small"), content(HELLO), Cancellation.NEVER);
        locked.put(key("large"), content(randomBytes(40 << 20)), Cancellation.NEVER);
        locked.withdraw(folder);
        locked.put(key("small"), content(HELLO), Cancellation.NEVER);
        assertThat(TestS3.isThere(locked, key("small"))).isTrue();
      }
    }
  }

  /** Amazon's buckets with object lock refuse bodies without a checksum. Ceph's do not. */
  @Test
  void sendsAChecksumWhereTheStoreWantsOne() throws Exception {
    String words =
        "<Error><Code>InvalidRequest</Code><Message>Content-MD5 OR x-amz-checksum- HTTP header is"
            + " required for Put Object requests with Object Lock parameters</Message></Error>";
    String answer =
        "HTTP/1.1 400 X\r\nContent-Type: application/xml\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
            .formatted(words.length(), words);
    Function<HttpFront.Head, Optional<String>> locked =
        head ->
            head.line().startsWith("PUT ") && head.header("content-md5").isEmpty()
                ? Optional.of(answer)
                : Optional.empty();
    byte[] large = randomBytes(40 << 20);
    try (HttpFront front = HttpFront.before(endpoint(), locked);
        S3ArtifactStore asking = with(front.uri(), settings.bucket(), settings.secretKeyFile())) {
      asking.put(key("large"), content(large), Cancellation.NEVER);
      long refused = front.seen().stream().filter(line -> line.startsWith("PUT ")).count();
      asking.put(key("small"), content(HELLO), Cancellation.NEVER);
      asking.put(key("none"), content(new byte[0]), Cancellation.NEVER);
      asking.probe();
      long all = front.seen().stream().filter(line -> line.startsWith("PUT ")).count();
      assertThat(all - refused).as("what it wants is remembered").isEqualTo(3);
    }
    assertThat(fetch(key("large"), large.length)).isEqualTo(large);
    assertThat(fetch(key("small"), HELLO.length)).isEqualTo(HELLO);

    try (HttpFront front = HttpFront.before(endpoint(), locked);
        S3ArtifactStore never =
            with(
                front.uri(),
                settings.bucket(),
                settings.secretKeyFile(),
                Checksums.WHEN_REQUIRED)) {
      assertThatThrownBy(() -> never.put(key("a"), content(HELLO), Cancellation.NEVER))
          .hasMessageContaining("HTTP 400 InvalidRequest: Content-MD5 OR");
    }
  }

  @Test
  void aProbeLeavesNothing() throws Exception {
    String bucket = "gpurunner-" + UUID.randomUUID();
    try (S3Client client = client();
        S3ArtifactStore probed = with(endpoint(), bucket, settings.secretKeyFile())) {
      client.createBucket(request -> request.bucket(bucket));
      probed.probe();
      assertThat(versions(client, bucket)).isEmpty();
      client.putBucketVersioning(
          request -> request.bucket(bucket).versioningConfiguration(set -> set.status("Enabled")));
      try (S3ArtifactStore again = with(endpoint(), bucket, settings.secretKeyFile())) {
        again.probe();
      }
      ListObjectVersionsResponse left =
          client.listObjectVersions(request -> request.bucket(bucket));
      assertThat(left.versions()).isEmpty();
      assertThat(left.deleteMarkers()).isEmpty();
      client.deleteBucket(request -> request.bucket(bucket));
    }
  }

  @Test
  void aProofCountsForAnHour() throws Exception {
    AtomicLong now = new AtomicLong();
    try (HttpFront front = HttpFront.before(endpoint(), head -> Optional.empty());
        S3ArtifactStore store =
            new S3ArtifactStore(
                new S3Settings(
                    Optional.of(front.uri()),
                    settings.region(),
                    settings.bucket(),
                    true,
                    settings.accessKeyFile(),
                    settings.secretKeyFile()),
                Duration.ofSeconds(30),
                now::get)) {
      for (int minutes : new int[] {0, 1, 59, 61, 62, 120, 122}) {
        now.set(Duration.ofMinutes(minutes).toNanos());
        store.probe();
      }
      assertThat(front.seen().stream().filter(line -> line.startsWith("PUT "))).hasSize(3);
      assertThat(front.seen().stream().filter(line -> line.startsWith("GET ")))
          .hasSizeGreaterThanOrEqualTo(7);
    }
  }

  /** An upload that fails is seen by the next probe, not only after the last proof is old. */
  @Test
  void aProbeFailsAsUploadsDo() throws Exception {
    String bucket = "gpurunner-" + UUID.randomUUID();
    try (S3Client client = client();
        S3ArtifactStore store = with(endpoint(), bucket, settings.secretKeyFile())) {
      client.createBucket(request -> request.bucket(bucket));
      store.probe();
      String noPut =
          """
          {"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*",
            "Action":["s3:PutObject"],"Resource":["arn:aws:s3:::%s/*"]}]}
          """
              .formatted(bucket);
      client.putBucketPolicy(request -> request.bucket(bucket).policy(noPut));
      assertDenied(() -> store.put(key("a"), content(HELLO), Cancellation.NEVER));
      assertDenied(store::probe);
      client.deleteBucketPolicy(request -> request.bucket(bucket));
      store.probe();
      client.deleteBucket(request -> request.bucket(bucket));
    }
  }

  @Test
  void reachesAStoreByAProxy() throws Exception {
    byte[] large = randomBytes(12 << 20);
    URI name = URI.create("http://s3.example.org:" + endpoint().getPort());
    try (HttpFront proxy = HttpFront.proxy(host -> endpoint());
        S3ArtifactStore store = by(name, Optional.of(proxy.uri()), Optional.empty())) {
      store.probe();
      store.put(key("large"), content(large), Cancellation.NEVER);
      assertThat(proxy.seen()).isNotEmpty().allMatch(line -> line.contains(" " + name + "/"));
    }
    assertThat(fetch(key("large"), large.length)).isEqualTo(large);
  }

  @Test
  void reachesAStoreByTls() throws Exception {
    TestCertificates lab = new TestCertificates(directory, "lab");
    byte[] large = randomBytes(12 << 20);
    try (FaultProxy tls = new FaultProxy(endpoint(), lab.server("localhost"));
        HttpFront proxy = HttpFront.proxy(host -> tls.uri())) {
      try (S3ArtifactStore stranger = by(tls.uri(), Optional.empty(), Optional.empty())) {
        assertThatThrownBy(stranger::probe)
            .asInstanceOf(type(StorageException.class))
            .satisfies(
                failure -> {
                  assertThat(failure.kind()).isEqualTo(Kind.UNAVAILABLE);
                  assertThat(failure)
                      .hasMessageMatching(
                          "S3 bucket .*: list the bucket: the certificate of localhost was issued by"
                              + " \"CN=lab\", which this machine does not trust; name a file .*");
                });
      }
      Optional<Path> caFile = Optional.of(lab.authorityFile());
      try (S3ArtifactStore store = by(tls.uri(), Optional.empty(), caFile)) {
        store.probe();
        store.put(key("large"), content(large), Cancellation.NEVER);
      }
      assertThat(fetch(key("large"), large.length)).isEqualTo(large);
      try (S3ArtifactStore store = by(tls.uri(), Optional.of(proxy.uri()), caFile)) {
        store.probe();
        assertThat(proxy.seen())
            .isNotEmpty()
            .allMatch(line -> line.startsWith("CONNECT localhost:"));
      }
      URI other = URI.create("https://other.test:" + tls.uri().getPort());
      try (S3ArtifactStore store = by(other, Optional.of(proxy.uri()), caFile)) {
        assertThatThrownBy(store::probe)
            .hasMessageContainingAll(
                "at " + other + " by the proxy " + proxy.uri(),
                "the certificate of other.test is not for that name, but for localhost");
      }
      URI wrongName = URI.create("https://127.0.0.1:" + tls.uri().getPort());
      try (S3ArtifactStore store = by(wrongName, Optional.empty(), caFile)) {
        assertThatThrownBy(store::probe)
            .hasMessageContaining(
                "the certificate of 127.0.0.1 is not for that name, but for localhost; call the"
                    + " server by one of these names");
      }
    }
  }

  @Test
  void namesAConfusionOfHttpAndHttps() throws Exception {
    URI https = URI.create("https://127.0.0.1:" + endpoint().getPort());
    try (S3ArtifactStore store = by(https, Optional.empty(), Optional.empty())) {
      assertThatThrownBy(store::probe).hasMessageContaining("check http or https, and the port");
    }
  }

  /** The proxies of the environment are meant for people's programs. */
  @Test
  void takesNoProxyFromTheEnvironment() throws Exception {
    Path output = directory.resolve("output");
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-cp",
            System.getProperty("java.class.path"),
            "-Dhttp.proxyHost=127.0.0.1",
            "-Dhttp.proxyPort=1",
            "-Dhttp.nonProxyHosts=",
            ProbeOnce.class.getName());
    for (String name : List.of("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY")) {
      builder.environment().put(name, "http://127.0.0.1:1");
    }
    builder.environment().remove("no_proxy");
    builder.environment().remove("NO_PROXY");
    Process probe = builder.redirectErrorStream(true).redirectOutput(output.toFile()).start();
    assertThat(probe.waitFor()).as(() -> text(output)).isZero();
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return e.toString();
    }
  }

  /** Probes the store of the tests, in a process of its own. */
  static final class ProbeOnce {
    private ProbeOnce() {}

    public static void main(String[] arguments) {
      try (S3ArtifactStore store = new S3ArtifactStore(TestS3.settings())) {
        store.probe();
      }
    }
  }

  @Test
  void takesTheExpiryDownToSevenDays() {
    URI url = store.signedUrl(key("a"), Instant.now(), Duration.ofDays(30));

    assertThat(url.toString()).contains("X-Amz-Expires=604800");
  }

  @Test
  void namesAStoreThatIsDown() throws Exception {
    int port;
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = socket.getLocalPort();
    }
    URI nowhere = URI.create("http://127.0.0.1:" + port);
    try (S3ArtifactStore down = with(nowhere, "models", settings.secretKeyFile())) {
      assertFails(down, Kind.UNAVAILABLE, "S3 bucket models at " + nowhere);
    }
  }

  @Test
  void refusesAWrongSecret() throws Exception {
    Path wrong = Files.writeString(directory.resolve("wrong"), "wrong-secret\n");
    try (S3ArtifactStore refused = with(endpoint(), settings.bucket(), wrong)) {
      assertFails(refused, Kind.REFUSED, "SignatureDoesNotMatch", "store.s3.secret-key-file");
    }
  }

  /** An administrator replaces a key, and nothing has to be started again. */
  @Test
  void aReplacedKeyCountsAtOnce() throws Exception {
    Path secret = Files.writeString(directory.resolve("secret"), "wrong-secret\n");
    try (S3ArtifactStore changing = with(endpoint(), settings.bucket(), secret)) {
      assertThatThrownBy(() -> changing.put(key("a"), content(HELLO), Cancellation.NEVER))
          .hasMessageContaining("SignatureDoesNotMatch");
      Files.writeString(secret, Files.readString(settings.secretKeyFile()));
      changing.put(key("a"), content(HELLO), Cancellation.NEVER);
      assertThat(TestS3.isThere(changing, key("a"))).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ds_model.bin", "data.zip", "模型 1.bin"})
  void everyClientSavesAFileUnderItsOwnName(String name) throws Exception {
    store.put(key(name), content(HELLO), Cancellation.NEVER);
    URI url = store.signedUrl(key(name), Instant.now(), Duration.ofMinutes(5));
    try (HttpClient http = HttpClient.newHttpClient()) {
      HttpResponse<String> answer =
          http.send(HttpRequest.newBuilder(url).build(), BodyHandlers.ofString());
      assertThat(answer.statusCode()).isEqualTo(200);
      DownloadHeaders headers = DownloadHeaders.of(name);
      assertThat(answer.headers().firstValue("Content-Disposition"))
          .contains(headers.contentDisposition());
      assertThat(answer.headers().firstValue("Content-Type")).contains(headers.contentType());
    }
  }

  @Test
  void refusesAMissingBucket() throws Exception {
    try (S3ArtifactStore refused = with(endpoint(), "no-such-bucket", settings.secretKeyFile())) {
      assertFails(refused, Kind.REFUSED, "NoSuchBucket", "S3 bucket no-such-bucket at ");
    }
  }

  private void assertFails(S3ArtifactStore failing, Kind kind, String... words) {
    Instant start = Instant.now();
    List<org.assertj.core.api.ThrowableAssert.ThrowingCallable> calls =
        List.of(
            failing::probe,
            () -> failing.put(key("a"), content(HELLO), Cancellation.NEVER),
            () -> failing.put(key("a"), content(randomBytes(12 << 20)), Cancellation.NEVER),
            () -> failing.put(key("a"), content(randomBytes(40 << 20)), Cancellation.NEVER),
            () -> failing.deleteAll(folder));
    for (var call : calls) {
      assertThatThrownBy(call)
          .asInstanceOf(type(StorageException.class))
          .satisfies(
              failure -> {
                assertThat(failure).hasMessageContainingAll(words);
                assertThat(failure.kind()).isEqualTo(kind);
              });
    }
    assertThat(Duration.between(start, Instant.now())).isLessThan(BOUND);
  }

  @Test
  void namesAKeyFileThatCannotBeRead() {
    assertThatThrownBy(() -> with(endpoint(), "models", directory.resolve("missing")))
        .isInstanceOf(StorageException.class)
        .hasMessageContainingAll("store.s3.secret-key-file", "missing");
  }

  @Test
  void givesUpOnAStoreThatNeverAnswers() throws Exception {
    // The socket takes connections into its queue, and nobody reads from them.
    try (ServerSocket silent = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      URI endpoint = URI.create("http://127.0.0.1:" + silent.getLocalPort());
      try (S3ArtifactStore store =
          new S3ArtifactStore(
              new S3Settings(
                  Optional.of(endpoint),
                  settings.region(),
                  "models",
                  true,
                  settings.accessKeyFile(),
                  settings.secretKeyFile()),
              Duration.ofSeconds(1),
              System::nanoTime)) {
        assertThatThrownBy(() -> store.deleteAll(folder))
            .asInstanceOf(type(StorageException.class))
            .extracting(StorageException::kind)
            .isEqualTo(Kind.UNAVAILABLE);
      }
    }
  }
}
