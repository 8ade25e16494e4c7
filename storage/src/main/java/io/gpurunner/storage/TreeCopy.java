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
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Copies a tree that an untrusted job wrote into a directory that nothing else writes to. Links are
 * copied as links; pipes, sockets and devices are left out; owners, permissions (but no setuid) and
 * times are kept. On disk when it returns.
 */
final class TreeCopy implements SafeTree.Visitor {
  private static final int BUFFER_BYTES = 1 << 20;

  private final Path source;
  private final Path target;
  private final Cancellation cancellation;
  private final ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
  private final List<Made> directories = new ArrayList<>();

  private record Made(Path path, PosixFileAttributes attributes) {}

  private TreeCopy(Path source, Path target, Cancellation cancellation) {
    this.source = source;
    this.target = target;
    this.cancellation = cancellation;
  }

  /** Makes the target's content what the source's is. */
  static void replace(Path source, Path target, Cancellation cancellation) throws IOException {
    TreeRemoval.empty(target);
    DurableFiles.directory(target, DurableFiles.EVERYONE);
    TreeCopy copy = new TreeCopy(source, target, cancellation);
    SafeTree.walk(source, cancellation, copy);
    // Afterwards and from the inside out: copying into a directory changes its time.
    for (Made directory : copy.directories.reversed()) {
      keepAttributes(directory.path(), directory.attributes());
      DurableFiles.sync(directory.path());
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
    Path copy = target.resolve(relative);
    switch (type) {
      case DIRECTORY -> {
        Files.createDirectory(copy);
        directories.add(new Made(copy, attributes));
      }
      case FILE -> {
        copyFile(parent, relative.getFileName(), copy);
        keepAttributes(copy, attributes);
      }
      case LINK -> {
        // Directory handles cannot read links. By its path: the worst that an exchanged directory
        // above it could do is to give another link's text.
        Files.createSymbolicLink(copy, Files.readSymbolicLink(source.resolve(relative)));
      }
      case SPECIAL -> {}
    }
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
