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
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;

/**
 * What a job left in its model directory: its regular files, measured, and the entries that are not
 * published.
 *
 * @param files in the order of their paths' bytes
 * @param skipped the first {@link #MAX_SKIPPED_NAMED} entries that are neither file nor directory
 * @param skippedCount how many of those there are in all
 */
record ModelDirectory(List<ModelFile> files, List<Skipped> skipped, long skippedCount) {
  /** The limits of what is published, beside the bounds of every tree. */
  record Bounds(TreeBounds tree, int files, long totalBytes) {}

  /**
   * The usual limits. About 250 bytes a file, and its path, are kept in memory while an archive is
   * sent. The total is what S3 takes as one object. A sparse file is published in full length.
   */
  static final Bounds USUAL_BOUNDS =
      new Bounds(TreeBounds.USUAL, 200_000, PartPlan.MAX_OBJECT_BYTES);

  static final int MAX_SKIPPED_NAMED = 100;

  /**
   * The longest published name. It is twice what the kernel takes as a path, and far below the
   * 65,535 of a zip archive.
   */
  static final int MAX_NAME_BYTES = 8192;

  /** An entry that is not published, and the reason. */
  record Skipped(String path, String reason) {}

  /**
   * Reads every file once.
   *
   * @param limitBytes the most bytes that its files may have together
   * @throws StorageException UNFIT, REFUSED, CANCELLED
   */
  static ModelDirectory measure(Path root, long limitBytes, Cancellation cancellation) {
    long totalBytes = Math.min(limitBytes, USUAL_BOUNDS.totalBytes());
    return measure(
        root, new Bounds(USUAL_BOUNDS.tree(), USUAL_BOUNDS.files(), totalBytes), cancellation);
  }

  static ModelDirectory measure(Path root, Bounds bounds, Cancellation cancellation) {
    Scan scan = new Scan(root, bounds, cancellation);
    try {
      SafeTree.walk(root, bounds.tree(), cancellation, scan);
    } catch (CancelledException cancelled) {
      throw new StorageException(
          Kind.CANCELLED, "reading %s was cancelled".formatted(root), cancelled);
    } catch (UnfitContentException unfit) {
      throw DiskErrors.explain("the model directory cannot be published", unfit);
    } catch (IOException failed) {
      throw DiskErrors.explain("cannot read the model directory", root, failed);
    }
    return new ModelDirectory(
        List.copyOf(scan.files), List.copyOf(scan.skipped), scan.skippedCount);
  }

  long totalBytes() {
    return files.stream().mapToLong(ModelFile::bytes).sum();
  }

  private static final class Scan implements SafeTree.Visitor {
    private final Path root;
    private final Bounds bounds;
    private final Cancellation cancellation;
    private final List<ModelFile> files = new ArrayList<>();
    private final List<Skipped> skipped = new ArrayList<>();

    /** The number of files for each published name that was escaped, or looks as if it was. */
    private final Map<String, Integer> escapedNames = new HashMap<>();

    private final byte[] block = new byte[MeasuredBlocks.BLOCK_BYTES];
    private long skippedCount;
    private long totalBytes;

    Scan(Path root, Bounds bounds, Cancellation cancellation) {
      this.root = root;
      this.bounds = bounds;
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
          if (files.size() == bounds.files()) {
            throw new UnfitContentException(
                "it holds more than %d files, the most that are published; let the job pack them"
                    .formatted(bounds.files()));
          }
          requireTotal(attributes.size());
          ModelFile file = measureFile(parent, relative, attributes);
          totalBytes += file.bytes();
          files.add(file);
        }
        case LINK -> skip(relative, "a symbolic link");
        case SPECIAL -> skip(relative, "a pipe, socket or device");
      }
    }

    private void requireTotal(long moreBytes) throws UnfitContentException {
      if (moreBytes > bounds.totalBytes() - totalBytes) {
        throw new UnfitContentException(
            "its files make more than the %d bytes asked for it (a sparse file counts with its whole length, a file of several names once for each)"
                .formatted(bounds.totalBytes()));
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
      Fingerprints fingerprints = new Fingerprints();
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
          requireTotal(bytes); // the file may still grow
          length = MeasuredBlocks.fill(channel, block);
        }
      }
      return new ModelFile(
          root,
          relative,
          sameNamed(relative),
          bytes,
          attributes.lastModifiedTime().toInstant(),
          HexFormat.of().formatHex(sha256.digest()),
          (int) crc32.getValue(),
          fingerprints);
    }

    /**
     * Returns the number of this file among those with the same published name. Two names can
     * become one only if one of them was escaped. No other names are counted, so that few are kept.
     */
    private int sameNamed(Path relative) throws UnfitContentException {
      String readable = ArtifactNames.readable(relative);
      if (readable.getBytes(StandardCharsets.UTF_8).length > MAX_NAME_BYTES) {
        throw new UnfitContentException(
            "a path in it is longer than %d bytes, the most that are published: %s…"
                .formatted(MAX_NAME_BYTES, readable.substring(0, 100)));
      }
      if (readable.indexOf('%') < 0) {
        return 1;
      }
      int number = escapedNames.merge(readable, 1, Integer::sum);
      while (number > 1 && escapedNames.putIfAbsent(readable + "~" + number, 1) != null) {
        number = escapedNames.merge(readable, 1, Integer::sum);
      }
      return number;
    }

    private static MessageDigest sha256() {
      try {
        return MessageDigest.getInstance("SHA-256");
      } catch (NoSuchAlgorithmException impossible) {
        throw new IllegalStateException("every JDK has SHA-256", impossible);
      }
    }
  }

  /** Returns the names of skipped entries, for a log line. */
  String skippedNames() {
    return String.join(
        ", ", skipped.stream().map(entry -> entry.path() + " (" + entry.reason() + ")").toList());
  }
}
