package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;
import java.io.IOException;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.attribute.PosixFileAttributes;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.zip.CRC32;

/**
 * What a job left in its model directory: its regular files, measured, and what is not published.
 *
 * @param files in the order of their paths' bytes
 * @param skipped the first {@link #MAX_SKIPPED_NAMED} of what is neither file nor directory
 * @param skippedCount how many there are in all
 */
record ModelDirectory(List<ModelFile> files, List<Skipped> skipped, long skippedCount) {
  /** A name or two per file is kept in memory while an archive is sent. */
  static final int MAX_FILES = 200_000;

  static final int MAX_SKIPPED_NAMED = 100;

  /** Twice what the kernel takes as a path, and far below the 65,535 of a zip archive. */
  static final int MAX_NAME_BYTES = 8192;

  /** An entry that is not published, and why. */
  record Skipped(String path, String reason) {}

  /**
   * Reads every file once.
   *
   * @throws StorageException REFUSED, CANCELLED
   */
  static ModelDirectory measure(Path root, Cancellation cancellation) {
    Scan scan = new Scan(root, cancellation);
    try {
      SafeTree.walk(root, cancellation, scan);
    } catch (CancelledException cancelled) {
      throw new StorageException(
          Kind.CANCELLED, "reading %s was cancelled".formatted(root), cancelled);
    } catch (IOException failed) {
      throw DiskErrors.explain("cannot read the model directory " + root, failed);
    }
    return new ModelDirectory(
        List.copyOf(scan.files), List.copyOf(scan.skipped), scan.skippedCount);
  }

  long totalBytes() {
    return files.stream().mapToLong(ModelFile::bytes).sum();
  }

  private static final class Scan implements SafeTree.Visitor {
    private final Path root;
    private final Cancellation cancellation;
    private final List<ModelFile> files = new ArrayList<>();
    private final List<Skipped> skipped = new ArrayList<>();
    private final Set<String> names = new HashSet<>();
    private final byte[] block = new byte[MeasuredBlocks.BLOCK_BYTES];
    private long skippedCount;

    Scan(Path root, Cancellation cancellation) {
      this.root = root;
      this.cancellation = cancellation;
    }

    @Override
    public void visit(
        SecureDirectoryStream<Path> parent,
        Path relative,
        SafeTree.Type type,
        PosixFileAttributes attributes)
        throws IOException {
      switch (type) {
        case DIRECTORY -> {}
        case FILE -> {
          if (files.size() == MAX_FILES) {
            throw new StorageException(
                Kind.REFUSED,
                "%s holds more than %d files, the most that are published; let the job pack them"
                    .formatted(root, MAX_FILES));
          }
          files.add(measureFile(parent, relative, attributes));
        }
        case LINK -> skip(relative, "a symbolic link");
        case SPECIAL -> skip(relative, "a pipe, socket or device");
      }
    }

    private void skip(Path relative, String reason) {
      skippedCount++;
      if (skipped.size() < MAX_SKIPPED_NAMED) {
        skipped.add(new Skipped(ArtifactNames.readable(relative), reason));
      }
    }

    private ModelFile measureFile(
        SecureDirectoryStream<Path> parent, Path relative, PosixFileAttributes attributes)
        throws IOException {
      MessageDigest sha256 = sha256();
      CRC32 crc32 = new CRC32();
      List<Integer> fingerprints = new ArrayList<>();
      long bytes = 0;
      try (SeekableByteChannel channel = SafeTree.read(parent, relative.getFileName())) {
        int length = MeasuredBlocks.fill(channel, block);
        while (length > 0) {
          if (cancellation.isCancelled()) {
            throw new CancelledException();
          }
          sha256.update(block, 0, length);
          crc32.update(block, 0, length);
          fingerprints.add(MeasuredBlocks.fingerprint(block, length));
          bytes += length;
          length = MeasuredBlocks.fill(channel, block);
        }
      }
      return new ModelFile(
          root,
          relative,
          uniqueName(relative),
          bytes,
          attributes.lastModifiedTime().toInstant(),
          HexFormat.of().formatHex(sha256.digest()),
          (int) crc32.getValue(),
          fingerprints);
    }

    /** Two names may become one where one of them had to be escaped. */
    private String uniqueName(Path relative) {
      String readable = ArtifactNames.readable(relative);
      if (readable.getBytes(StandardCharsets.UTF_8).length > MAX_NAME_BYTES) {
        throw new StorageException(
            Kind.REFUSED,
            "%s: a path in it is longer than %d bytes, the most that are published: %s…"
                .formatted(root, MAX_NAME_BYTES, readable.substring(0, 100)));
      }
      String name = readable;
      for (int number = 2; !names.add(name); number++) {
        name = readable + "~" + number;
      }
      return name;
    }

    private static MessageDigest sha256() {
      try {
        return MessageDigest.getInstance("SHA-256");
      } catch (NoSuchAlgorithmException impossible) {
        throw new IllegalStateException("every JDK has SHA-256", impossible);
      }
    }
  }

  /** For a log line. */
  String skippedNames() {
    return String.join(
        ", ", skipped.stream().map(entry -> entry.path() + " (" + entry.reason() + ")").toList());
  }
}
