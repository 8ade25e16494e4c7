package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests the local store's signed URLs over real HTTP. */
final class ArtifactRouteTest {
  private static final String SIGNED = "?expires=1&signature=s";

  @TempDir Path directory;

  private final List<String> asked = new CopyOnWriteArrayList<>();
  private ApiFixture api;
  private byte[] content = new byte[0];
  private Path file;

  @BeforeEach
  void start() throws IOException {
    api = new ApiFixture();
    file = directory.resolve("on-disk");
    write(3_000_000);
    serve("ds_model.bin");
  }

  @AfterEach
  void stop() {
    api.close();
  }

  private static final ArtifactDownloads.Headers HEADERS =
      new ArtifactDownloads.Headers(
          "application/octet-stream",
          "attachment; filename=\"ds_model.bin\"; filename*=UTF-8''ds_model.bin");

  private void write(int size) throws IOException {
    content = new byte[size];
    new Random(7).nextBytes(content);
    Files.write(file, content);
  }

  private void serve(String name) {
    api.downloads =
        (job, sent, expires, signature) -> {
          asked.add(String.join("|", job, sent, expires, signature));
          return new ArtifactDownloads.Download.Found(file, name, HEADERS);
        };
  }

  @Test
  void sendsTheWholeFileWithoutAToken() throws Exception {
    HttpResponse<byte[]> response = get();

    assertThat(response.statusCode()).isEqualTo(200);
    assertThat(response.body()).isEqualTo(content);
    assertThat(response.headers().map())
        .containsEntry("content-length", List.of("3000000"))
        .containsEntry("content-type", List.of("application/octet-stream"))
        .containsEntry("accept-ranges", List.of("bytes"))
        .containsEntry("x-content-type-options", List.of("nosniff"))
        .containsEntry(
            "content-disposition",
            List.of("attachment; filename=\"ds_model.bin\"; filename*=UTF-8''ds_model.bin"))
        .containsKeys("etag", "last-modified", "content-security-policy");
    assertThat(asked).containsExactly("j|f|1|s");
  }

  /** A piece is read only after the client has taken the piece before it. */
  @Test
  void clientsThatTakeNothingHoldUpNobody() throws Exception {
    write(20_000_000);
    List<Socket> idle = new ArrayList<>();
    try {
      for (int client = 0; client < 2 * ApiLimits.MAX_FILE_READS; client++) {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), api.port);
        idle.add(socket);
        socket
            .getOutputStream()
            .write(
                ("GET /artifacts/j/f" + SIGNED + " HTTP/1.1\r\nHost: x\r\n\r\n")
                    .getBytes(StandardCharsets.US_ASCII));
        assertThat(socket.getInputStream().read()).isEqualTo('H');
      }
      assertThat(get().body()).isEqualTo(content);
    } finally {
      for (Socket socket : idle) {
        socket.close();
      }
    }
    assertThat(get().body()).isEqualTo(content);
  }

  @Test
  void answersHeadWithTheSameHeadersAndNoBody() throws Exception {
    HttpResponse<byte[]> response =
        api.fetch(url().method("HEAD", HttpRequest.BodyPublishers.noBody()));

    assertThat(response.statusCode()).isEqualTo(200);
    assertThat(response.body()).isEmpty();
    assertThat(response.headers().firstValue("Content-Length")).contains("3000000");
    HttpResponse<byte[]> part =
        api.fetch(
            url().header("Range", "bytes=1-2").method("HEAD", HttpRequest.BodyPublishers.noBody()));
    assertThat(part.statusCode()).isEqualTo(206);
    assertThat(part.headers().firstValue("Content-Length")).contains("2");
  }

  @ParameterizedTest
  @CsvSource({
    "bytes=0-0,0,1",
    "bytes=1000000-2999999,1000000,2000000",
    "bytes=2999990-,2999990,10",
    "bytes=-10,2999990,10",
    "bytes=10-9999999999,10,2999990"
  })
  void sendsARange(String range, int first, int length) throws Exception {
    HttpResponse<byte[]> response = api.fetch(url().header("Range", range).GET());

    assertThat(response.statusCode()).isEqualTo(206);
    assertThat(response.headers().firstValue("Content-Range"))
        .contains("bytes " + first + "-" + (first + length - 1) + "/3000000");
    assertThat(response.body()).isEqualTo(Arrays.copyOfRange(content, first, first + length));
  }

  @Test
  void refusesARangeOutsideTheFile() throws Exception {
    HttpResponse<String> response = api.send(url().header("Range", "bytes=3000000-").GET());

    assertThat(ErrorBody.message(response, 416)).contains("3000000 bytes");
    assertThat(response.headers().firstValue("Content-Range")).contains("bytes */3000000");
  }

  @Test
  void sendsARangeOnlyOfTheVersionTheClientKnows() throws Exception {
    HttpResponse<byte[]> first = get();
    String tag = first.headers().firstValue("ETag").orElseThrow();
    String date = first.headers().firstValue("Last-Modified").orElseThrow();

    for (String known : List.of(tag, date)) {
      assertThat(
              api.fetch(url().header("Range", "bytes=0-1").header("If-Range", known).GET())
                  .statusCode())
          .isEqualTo(206);
    }
    for (String other : List.of("\"other\"", "W/" + tag, "Thu, 01 Jan 1970 00:00:00 GMT")) {
      assertThat(
              api.fetch(url().header("Range", "bytes=0-1").header("If-Range", other).GET())
                  .statusCode())
          .isEqualTo(200);
    }
    write(100);
    assertThat(get().headers().firstValue("ETag").orElseThrow()).isNotEqualTo(tag);
  }

  @Test
  void sendsAnEmptyFile() throws Exception {
    write(0);

    assertThat(get().statusCode()).isEqualTo(200);
    assertThat(get().body()).isEmpty();
    assertThat(api.fetch(url().header("Range", "bytes=0-").GET()).statusCode()).isEqualTo(416);
  }

  @Test
  void refusesWhatTheStoreRefuses() throws Exception {
    api.downloads =
        (job, sent, expires, signature) -> new ArtifactDownloads.Download.Refused("expired");
    assertThat(ErrorBody.message(api.send(url().GET()), 403)).isEqualTo("expired");
    api.downloads =
        (job, sent, expires, signature) -> new ArtifactDownloads.Download.Missing("gone");
    assertThat(ErrorBody.message(api.send(url().GET()), 404)).isEqualTo("gone");
    Files.delete(file);
    serve("ds_model.bin");
    assertThat(ErrorBody.message(api.send(url().GET()), 404)).contains("no longer kept");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "?expires=1", "?signature=s", "?expires=1&expires=2&signature=s"})
  void refusesALinkWithoutItsSignature(String query) throws Exception {
    ErrorBody.message(api.send(api.request("/artifacts/j/f" + query).GET()), 403);
    assertThat(asked).isEmpty();
  }

  @Test
  void handsOnNamesDecodedAndOpensNothingThatIsNoFile() throws Exception {
    api.send(api.request("/artifacts/j/a%20b%2F..%2Fc+d" + SIGNED).GET());
    assertThat(asked).containsExactly("j|a b/../c+d|1|s");

    for (String odd : List.of("link", "directory")) {
      Path path = directory.resolve(odd);
      if (odd.equals("link")) {
        Files.createSymbolicLink(path, file);
      } else {
        Files.createDirectory(path);
      }
      api.downloads =
          (job, sent, expires, signature) ->
              new ArtifactDownloads.Download.Found(path, "x", HEADERS);
      ErrorBody.message(api.send(url().GET()), 501);
    }
  }

  private HttpRequest.Builder url() {
    return api.request("/artifacts/j/f" + SIGNED);
  }

  private HttpResponse<byte[]> get() throws IOException, InterruptedException {
    return api.fetch(url().GET());
  }
}
