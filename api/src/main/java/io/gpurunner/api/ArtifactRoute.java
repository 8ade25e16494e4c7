package io.gpurunner.api;

import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * {@code GET|HEAD /artifacts/:jobId/:file}: sends a file of the local store behind its signed URL,
 * whole or a range of it. Not thread-safe: belongs to the server's event loop.
 */
final class ArtifactRoute {
  private static final Logger log = LoggerFactory.getLogger(ArtifactRoute.class);

  private final ArtifactDownloads downloads;
  private final Connections connections;
  private final RequestWork files;
  private final ErrorAnswers errors;

  /** A file that is ready to be sent. */
  private record Opened(
      FileChannel channel,
      ArtifactDownloads.Headers headers,
      long size,
      String tag,
      String modified) {}

  ArtifactRoute(
      ArtifactDownloads downloads,
      Connections connections,
      RequestWork files,
      ErrorAnswers errors) {
    this.downloads = downloads;
    this.connections = connections;
    this.files = files;
    this.errors = errors;
  }

  void handle(RoutingContext context) {
    HttpServerRequest request = context.request();
    String jobId = Objects.requireNonNull(context.pathParam("jobId"));
    String file = Objects.requireNonNull(context.pathParam("file"));
    Optional<String> expires = single(context.queryParam("expires"));
    Optional<String> signature = single(context.queryParam("signature"));
    if (expires.isEmpty() || signature.isEmpty()) {
      errors
          .of(
              forbidden(
                  "the link must carry expires and signature once each; ask job_status for a new"
                      + " one"))
          .send(request);
      return;
    }
    files.run(
        () -> open(downloads.find(jobId, file, expires.get(), signature.get())),
        opened -> sendAccepted(request, opened),
        failure -> errors.of(failure).send(request));
  }

  /** Sends a file behind a good link. The link says no user, so its client counts as one. */
  private void sendAccepted(HttpServerRequest request, Opened opened) {
    try {
      connections.accepted(
          request.connection(), "downloads to " + ClientNetwork.of(request.remoteAddress()));
    } catch (RequestRefusedException e) {
      close(opened);
      errors.of(e).send(request);
      return;
    }
    send(request, opened);
  }

  private static Optional<String> single(List<String> values) {
    return values.size() == 1 ? Optional.of(values.getFirst()) : Optional.empty();
  }

  private static Opened open(ArtifactDownloads.Download download) {
    return switch (download) {
      case ArtifactDownloads.Download.Refused(String message) -> throw forbidden(message);
      case ArtifactDownloads.Download.Missing(String message) -> throw missing(message);
      case ArtifactDownloads.Download.Found(
              Path path,
              String name,
              ArtifactDownloads.Headers headers) -> {
        try {
          yield open(path, headers);
        } catch (NoSuchFileException e) {
          throw missing("the artifact " + Shown.quoted(name) + " is no longer kept");
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    };
  }

  private static Opened open(Path path, ArtifactDownloads.Headers headers) throws IOException {
    BasicFileAttributes attributes =
        Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    if (!attributes.isRegularFile()) {
      throw new IOException("not a regular file: " + path);
    }
    FileChannel channel =
        FileChannel.open(path, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
    try {
      var modified = attributes.lastModifiedTime().toInstant();
      long size = channel.size();
      String tag = "\"%x-%x-%x\"".formatted(size, modified.getEpochSecond(), modified.getNano());
      String date =
          DateTimeFormatter.RFC_1123_DATE_TIME.format(
              modified.truncatedTo(ChronoUnit.SECONDS).atOffset(ZoneOffset.UTC));
      return new Opened(channel, headers, size, tag, date);
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private void send(HttpServerRequest request, Opened opened) {
    HttpServerResponse response = request.response();
    if (response.closed()) {
      close(opened);
      return;
    }
    switch (ByteRange.of(wantedRange(request, opened), opened.size())) {
      case ByteRange.Unsatisfiable ignored -> {
        close(opened);
        errors
            .of(
                new RequestRefusedException(
                    RequestRefusedException.Kind.RANGE_NOT_SATISFIABLE,
                    "Range: must lie within the file's %d bytes".formatted(opened.size())),
                Map.of("Content-Range", "bytes */" + opened.size()))
            .send(request);
      }
      case ByteRange.Part part -> {
        response
            .setStatusCode(206)
            .putHeader(
                HttpHeaders.CONTENT_RANGE,
                "bytes %d-%d/%d".formatted(part.first(), part.last(), opened.size()));
        send(request, opened, part.first(), part.length());
      }
      case ByteRange.Whole ignored -> send(request, opened, 0, opened.size());
    }
  }

  /** Returns the wanted range, unless the client holds a part of another version of the file. */
  private static Optional<String> wantedRange(HttpServerRequest request, Opened opened) {
    Optional<String> known = Optional.ofNullable(request.getHeader("If-Range"));
    return Optional.ofNullable(request.getHeader("Range"))
        .filter(range -> known.filter(version -> !isCurrent(version, opened)).isEmpty());
  }

  private static boolean isCurrent(String version, Opened opened) {
    return version.equals(opened.tag()) || version.equals(opened.modified());
  }

  private void send(HttpServerRequest request, Opened opened, long offset, long length) {
    HttpServerResponse response = request.response();
    response
        .putHeader(HttpHeaders.ACCEPT_RANGES, "bytes")
        .putHeader(HttpHeaders.ETAG, opened.tag())
        .putHeader(HttpHeaders.LAST_MODIFIED, opened.modified())
        .putHeader(HttpHeaders.CONTENT_LENGTH, Long.toString(length))
        .putHeader(HttpHeaders.CONTENT_TYPE, opened.headers().contentType())
        .putHeader(HttpHeaders.CONTENT_DISPOSITION, opened.headers().contentDisposition())
        // A job wrote the file, so a browser must not show it as a page of this server.
        .putHeader("X-Content-Type-Options", "nosniff")
        .putHeader("Content-Security-Policy", "default-src 'none'; sandbox")
        .putHeader(HttpHeaders.CACHE_CONTROL, "private, no-store");
    if (request.method().equals(HttpMethod.HEAD) || length == 0) {
      close(opened);
      response.end();
      return;
    }
    new FileSending(files, request, opened.channel(), offset, length).start();
  }

  private static void close(Opened opened) {
    try {
      opened.channel().close();
    } catch (IOException e) {
      log.warn("an artifact's file could not be closed", e);
    }
  }

  private static RequestRefusedException forbidden(String message) {
    return new RequestRefusedException(RequestRefusedException.Kind.FORBIDDEN, message);
  }

  private static RequestRefusedException missing(String message) {
    return new RequestRefusedException(RequestRefusedException.Kind.NOT_FOUND, message);
  }
}
