package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Keeps artifacts in a directory of this machine, at {@code <root>/<folder>/<file>}. The agent
 * itself serves them at signed URLs. Thread-safe.
 *
 * <p>An object is written under another name, synced and then renamed, so that it is there whole or
 * not at all, also after a crash.
 */
public final class LocalArtifactStore implements ArtifactStore {
  /** No folder's name begins with a dot. */
  private static final String INCOMING = ".incoming";

  private static final FileAttribute<?> PRIVATE_FILE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
  private static final int BUFFER_BYTES = 256 << 10;

  /**
   * The number of bytes after which the free space is looked at again, because others write to the
   * disk, too.
   */
  private static final long LOOK_BYTES = 8L << 20;

  private static final int MIN_KEY_BYTES = 32;
  private static final String MAC = "HmacSHA256";

  /** Seconds since 1970, up to the year 318857. The store signs no longer number. */
  private static final Pattern EPOCH_SECONDS = Pattern.compile("[0-9]{1,13}");

  private final Path root;
  private final String publicBaseUrl;
  private final SecretKeySpec signingKey;
  private final long reserveBytes;

  /** Opens a store with the usual reserve. @see #LocalArtifactStore(Path, URI, byte[], long) */
  public LocalArtifactStore(Path root, URI publicBaseUrl, byte[] signingKey) {
    this(root, publicBaseUrl, signingKey, VolumeSettings.DEFAULT_RESERVE_BYTES);
  }

  /**
   * @param root created when it is first needed; its parent must exist
   * @param publicBaseUrl what the URLs start with, {@code https://gpu1.example.org}
   * @param signingKey at least 32 bytes; a new key makes the URLs invalid that the old one signed
   * @param reserveBytes kept free on the file system, because the agent's own ledger may lie on it
   */
  public LocalArtifactStore(Path root, URI publicBaseUrl, byte[] signingKey, long reserveBytes) {
    if (signingKey.length < MIN_KEY_BYTES) {
      throw new IllegalArgumentException(
          "the signing key has %d bytes, at least %d are needed"
              .formatted(signingKey.length, MIN_KEY_BYTES));
    }
    this.root = root.toAbsolutePath().normalize();
    this.publicBaseUrl = publicBaseUrl.toString().replaceAll("/+$", "");
    this.reserveBytes = reserveBytes;
    this.signingKey = new SecretKeySpec(signingKey, MAC);
  }

  /** The object that a signed URL leads to, or why there is none. */
  public sealed interface Lookup {
    /** The file to send. */
    record Found(Path path) implements Lookup {}

    /** The signature is wrong, or the URL has expired. */
    record Refused(String message) implements Lookup {}

    /** The URL is signed correctly, but there is no such object any more. */
    record Missing(String message) implements Lookup {}
  }

  @Override
  public String description() {
    return "local store " + root;
  }

  @Override
  public ArtifactPlace place() {
    return new ArtifactPlace.Local();
  }

  @Override
  public void probe() {
    try {
      makeRoot();
      Path file = incoming().resolve("probe." + UUID.randomUUID());
      Files.createFile(file, PRIVATE_FILE);
      Files.delete(file);
    } catch (IOException failure) {
      throw DiskErrors.explain(description() + " cannot be written", failure);
    }
  }

  @Override
  public void put(ObjectKey key, ArtifactContent content, Cancellation cancellation) {
    String what = "%s: cannot write %s".formatted(description(), key.path());
    try {
      makeRoot();
      Path temporary = incoming().resolve(key.folder().name() + "." + UUID.randomUUID());
      try {
        write(temporary, key, content, cancellation);
        Path directory = directory(key.folder());
        DurableFiles.directory(directory, DurableFiles.OWNER_ONLY);
        Files.move(temporary, directory.resolve(key.file()), StandardCopyOption.ATOMIC_MOVE);
        DurableFiles.sync(directory);
      } finally {
        Files.deleteIfExists(temporary);
      }
    } catch (CancelledException cancelled) {
      throw new StorageException(
          Kind.CANCELLED, "writing %s was cancelled".formatted(key.path()), cancelled);
    } catch (AtomicMoveNotSupportedException | InvalidPathException failure) {
      throw new StorageException(Kind.REFUSED, what + ": " + failure.getMessage(), failure);
    } catch (IOException failure) {
      if (DiskErrors.isFull(failure)) {
        // The space was used up between two looks.
        throw new StorageException(
            Kind.FULL, full(key, content.lengthBytes(), freeBytes()), failure);
      }
      throw DiskErrors.explain(what, failure);
    }
  }

  private void write(Path file, ObjectKey key, ArtifactContent content, Cancellation cancellation)
      throws IOException {
    requireSpace(key, content.lengthBytes());
    try (FileChannel channel =
            FileChannel.open(
                file,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                PRIVATE_FILE);
        InputStream in = new RangeStream(content.open(0), content.lengthBytes(), cancellation);
        OutputStream out = Channels.newOutputStream(channel)) {
      long remaining = content.lengthBytes();
      long nextLook = remaining - LOOK_BYTES;
      byte[] buffer = new byte[BUFFER_BYTES];
      for (int read = in.readNBytes(buffer, 0, buffer.length);
          read > 0;
          read = in.readNBytes(buffer, 0, buffer.length)) {
        out.write(buffer, 0, read);
        remaining -= read;
        if (remaining <= nextLook) {
          requireSpace(key, remaining);
          nextLook = remaining - LOOK_BYTES;
        }
      }
      channel.force(true);
    }
  }

  private void requireSpace(ObjectKey key, long neededBytes) {
    long freeBytes = freeBytes();
    if (neededBytes > freeBytes) {
      throw new StorageException(Kind.FULL, full(key, neededBytes, freeBytes));
    }
  }

  private String full(ObjectKey key, long neededBytes, long freeBytes) {
    return "the disk of the %s is full: %s needs %d bytes, and %d are free above the %d kept for the agent; free some space on that file system"
        .formatted(description(), key.path(), neededBytes, freeBytes, reserveBytes);
  }

  private long freeBytes() {
    try {
      return Math.max(0, Files.getFileStore(root).getUsableSpace() - reserveBytes);
    } catch (IOException failure) {
      throw DiskErrors.explain("cannot find out the free space of", root, failure);
    }
  }

  @Override
  public Optional<StoredObject> read(ObjectKey key, int maxBytes) {
    try {
      if (!isObject(key)) {
        return Optional.empty();
      }
      try (FileChannel channel =
              FileChannel.open(path(key), StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
          InputStream in = Channels.newInputStream(channel)) {
        long bytes = channel.size(); // an object is replaced whole, so this file never grows
        return Optional.of(
            bytes > maxBytes || maxBytes == 0
                ? StoredObject.ofSize(bytes)
                : StoredObject.ofContent(in.readNBytes(maxBytes)));
      }
    } catch (NoSuchFileException removed) {
      return Optional.empty();
    } catch (IOException failure) {
      throw DiskErrors.explain("%s: cannot read %s".formatted(description(), key.path()), failure);
    }
  }

  private boolean isObject(ObjectKey key) {
    return Files.isDirectory(directory(key.folder()), LinkOption.NOFOLLOW_LINKS)
        && Files.isRegularFile(path(key), LinkOption.NOFOLLOW_LINKS);
  }

  @Override
  public URI signedUrl(ObjectKey key, Instant now, Duration expiry) {
    String expires = Long.toString(now.plus(expiry).getEpochSecond());
    // URLEncoder is for forms; these three are where a path segment differs (RFC 3986, 2.3).
    String file =
        URLEncoder.encode(key.file(), StandardCharsets.UTF_8)
            .replace("+", "%20")
            .replace("*", "%2A")
            .replace("%7E", "~");
    String signature = Base64.getUrlEncoder().withoutPadding().encodeToString(sign(key, expires));
    return URI.create(
        "%s/artifacts/%s/%s?expires=%s&signature=%s"
            .formatted(publicBaseUrl, key.folder().name(), file, expires, signature));
  }

  /**
   * Checks the parts of a signed URL, which may be malformed, and finds the object.
   *
   * @param folder first path segment after {@code /artifacts}
   * @param file second path segment, percent-decoded
   * @param expires query parameter
   * @param signature query parameter
   */
  public Lookup find(String folder, String file, String expires, String signature, Instant now) {
    Lookup refused = new Lookup.Refused("this URL's signature is wrong; ask for a new URL");
    ObjectKey key;
    byte[] given;
    try {
      key = new ObjectKey(new JobFolder(folder), file);
      given = Base64.getUrlDecoder().decode(signature);
    } catch (IllegalArgumentException malformed) {
      return refused;
    }
    if (!EPOCH_SECONDS.matcher(expires).matches()
        || !MessageDigest.isEqual(given, sign(key, expires))) {
      return refused;
    }
    Instant end = Instant.ofEpochSecond(Long.parseLong(expires));
    if (!now.isBefore(end)) {
      return new Lookup.Refused("this URL expired at %s; ask for a new URL".formatted(end));
    }
    return isObject(key)
        ? new Lookup.Found(path(key))
        : new Lookup.Missing("there is no %s any more".formatted(key.path()));
  }

  private byte[] sign(ObjectKey key, String expires) {
    try {
      Mac mac = Mac.getInstance(MAC);
      mac.init(signingKey);
      // No part can hold a line feed, so no two different URLs give the same text.
      String text = "artifact\n" + key.folder().name() + "\n" + key.file() + "\n" + expires;
      return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
    } catch (GeneralSecurityException impossible) {
      throw new IllegalStateException("every JDK has " + MAC, impossible);
    }
  }

  /**
   * Removes a folder. The manifest is removed first, so that it never describes objects that are
   * gone.
   */
  @Override
  public void deleteAll(JobFolder folder) {
    Path directory = directory(folder);
    try {
      if (Files.deleteIfExists(directory.resolve(Manifest.FILE))) {
        DurableFiles.sync(directory);
      }
      TreeRemoval.remove(directory);
      try (DirectoryStream<Path> unfinished =
          Files.newDirectoryStream(incoming(), folder.name() + ".*")) {
        for (Path file : unfinished) {
          Files.deleteIfExists(file);
        }
      }
      DurableFiles.sync(root);
    } catch (NoSuchFileException | NotDirectoryException nothing) {
      // Nothing was ever put here.
    } catch (IOException failure) {
      throw DiskErrors.explain(
          "%s: cannot remove %s".formatted(description(), folder.name()), failure);
    }
  }

  private void makeRoot() throws IOException {
    DurableFiles.directory(root, DurableFiles.OWNER_ONLY);
    DurableFiles.directory(incoming(), DurableFiles.OWNER_ONLY);
  }

  private Path incoming() {
    return root.resolve(INCOMING);
  }

  private Path directory(JobFolder folder) {
    return root.resolve(folder.name());
  }

  private Path path(ObjectKey key) {
    return directory(key.folder()).resolve(key.file());
  }

  @Override
  public void close() {
    // Holds nothing open.
  }
}
