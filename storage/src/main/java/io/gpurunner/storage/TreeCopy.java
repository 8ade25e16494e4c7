package io.gpurunner.storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.util.Set;

/**
 * Copies a tree that an untrusted job wrote into a directory that nothing else writes to. Links are
 * copied as links. Pipes, sockets and devices are left out. Owners, permissions (but no setuid) and
 * times are kept. The copy is on disk when the call returns.
 */
final class TreeCopy implements SafeTree.Visitor {
  private static final int BUFFER_BYTES = 1 << 20;

  private final Path source;
  private final Path target;
  private final Cancellation cancellation;
  private final ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
  private final long maxBytes;
  private final long maxEntries;
  private long bytes;
  private long entries;

  private TreeCopy(Path source, Path target, long maxBytes, Cancellation cancellation) {
    this.source = source;
    this.target = target;
    this.maxBytes = maxBytes;
    this.maxEntries = VolumeLimit.maxFiles(maxBytes);
    this.cancellation = cancellation;
  }

  /**
   * Replaces the content of the target by a copy of the source.
   *
   * @param maxBytes size limit of the volume that holds the target
   * @throws UnfitContentException if the source is larger than that, or than {@link
   *     TreeBounds#USUAL}; what was copied so far is removed
   */
  static void replace(Path source, Path target, long maxBytes, Cancellation cancellation)
      throws IOException {
    TreeRemoval.empty(target);
    DurableFiles.directory(target, DurableFiles.EVERYONE);
    try {
      SafeTree.walk(
          source,
          TreeBounds.USUAL,
          cancellation,
          new TreeCopy(source, target, maxBytes, cancellation));
    } catch (UnfitContentException unfit) {
      TreeRemoval.empty(target);
      throw unfit;
    }
    DurableFiles.sync(target);
  }

  @Override
  public void visit(
      SecureDirectoryStream<Path> parent,
      Path relative,
      SafeTree.Type type,
      PosixFileAttributes attributes)
      throws IOException {
    entries++;
    if (entries > maxEntries) {
      throw new UnfitContentException(
          "they are more than the %d files that its ckptVol holds; ask for a larger one"
              .formatted(maxEntries));
    }
    Path copy = target.resolve(relative);
    switch (type) {
      case DIRECTORY -> Files.createDirectory(copy);
      case FILE -> {
        copyFile(parent, relative.getFileName(), copy);
        keepAttributes(copy, attributes);
      }
      case LINK -> {
        // Directory handles cannot read links, so the path is used. If somebody exchanges a
        // directory above it, the worst result is another link's text.
        Files.createSymbolicLink(copy, Files.readSymbolicLink(source.resolve(relative)));
      }
      case SPECIAL -> {}
    }
  }

  /**
   * Sets the attributes of a directory after its content was copied, because copying changes its
   * time, and its permissions may forbid writing.
   */
  @Override
  public void left(Path relative, PosixFileAttributes attributes) throws IOException {
    Path copy = target.resolve(relative);
    keepAttributes(copy, attributes);
    DurableFiles.sync(copy);
  }

  private void copyFile(SecureDirectoryStream<Path> parent, Path name, Path copy)
      throws IOException {
    try (SeekableByteChannel in = SafeTree.read(parent, name);
        FileChannel out =
            FileChannel.open(
                copy, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE))) {
      while (in.read(buffer.clear()) >= 0) {
        if (cancellation.isCancelled()) {
          throw new CancelledException();
        }
        buffer.flip();
        bytes += buffer.remaining();
        if (bytes > maxBytes) {
          throw new UnfitContentException(
              "they do not fit its ckptVol of %d MB; ask for a larger one"
                  .formatted(maxBytes / 1_000_000));
        }
        while (buffer.hasRemaining()) {
          out.write(buffer);
        }
      }
      out.force(true);
    }
  }

  private static void keepAttributes(Path copy, PosixFileAttributes attributes) throws IOException {
    PosixFileAttributeView view =
        Files.getFileAttributeView(copy, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
    PosixFileAttributes made = view.readAttributes();
    if (!made.owner().equals(attributes.owner())) {
      view.setOwner(attributes.owner());
    }
    if (!made.group().equals(attributes.group())) {
      view.setGroup(attributes.group());
    }
    view.setPermissions(attributes.permissions());
    view.setTimes(attributes.lastModifiedTime(), null, null);
  }
}
