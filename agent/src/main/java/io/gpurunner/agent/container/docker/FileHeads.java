package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.exception.NotFoundException;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerRef;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Optional;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;

/**
 * Reads the beginnings of files in containers. The engine sends a file as an archive, and a
 * symbolic link as the link itself. Thread-safe.
 */
final class FileHeads {
  /** The largest number of links to follow, as in the kernel (path_resolution(7)). */
  private static final int LINK_LIMIT = 40;

  /** The engine's words for a container that is not there; another answer is about the path. */
  private static final String NO_CONTAINER = "No such container";

  private final EngineConnection connection;

  FileHeads(EngineConnection connection) {
    this.connection = connection;
  }

  /** What there is at a path. */
  private sealed interface Found {
    final class File implements Found {
      private final byte[] head;

      private File(byte[] head) {
        this.head = head;
      }
    }

    record Link(String target) implements Found {}

    record Nothing() implements Found {}
  }

  Optional<byte[]> read(ContainerRef container, String path, int bytesLimit) {
    String what = "reading a file of the container " + container.name();
    String at = path.startsWith("/") ? path : workingDirectory(container, what) + "/" + path;
    for (int links = 0; links <= LINK_LIMIT; links++) {
      switch (look(container, what, at, bytesLimit)) {
        case Found.File file -> {
          return Optional.of(file.head);
        }
        case Found.Link(String target) ->
            at =
                target.startsWith("/") ? target : at.substring(0, at.lastIndexOf('/') + 1) + target;
        case Found.Nothing() -> {
          return Optional.empty();
        }
      }
    }
    return Optional.empty();
  }

  private String workingDirectory(ContainerRef container, String what) {
    return connection
        .inspect(
            what,
            "/containers/" + container.engineKey() + "/json",
            answer -> answer.path("Config").path("WorkingDir").asText(""))
        .orElseThrow(
            () -> new ContainerException(Kind.ABSENT, what + ": there is no such container"));
  }

  private Found look(ContainerRef container, String what, String path, int bytesLimit) {
    return connection.call(
        what,
        CallLimits.QUICK,
        docker -> {
          try {
            // The end of the call ends the stream. Closing it would first read the whole file.
            return first(
                docker.copyArchiveFromContainerCmd(container.engineKey(), path).exec(), bytesLimit);
          } catch (NotFoundException e) {
            if (EngineErrors.text(e).contains(NO_CONTAINER)) {
              throw e;
            }
            return new Found.Nothing();
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  private static Found first(InputStream archive, int bytesLimit) throws IOException {
    TarArchiveInputStream entries = new TarArchiveInputStream(archive);
    TarArchiveEntry entry = entries.getNextEntry();
    if (entry == null || entry.isDirectory()) {
      return new Found.Nothing();
    }
    if (entry.isSymbolicLink()) {
      return new Found.Link(entry.getLinkName());
    }
    return entry.isFile() ? new Found.File(entries.readNBytes(bytesLimit)) : new Found.Nothing();
  }
}
