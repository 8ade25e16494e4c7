package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;
import java.io.IOException;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.CRC32;

/**
 * What a job left in its model directory: its regular files, measured, and the entries that are not
 * published. A link that leads to a file or directory of the job's own is what it leads to.
 *
 * @param files in the order of their paths' bytes
 * @param emptyDirectories the directories in which no file is published
 * @param skipped the first {@link #MAX_SKIPPED_NAMED} entries that are not published
 * @param skippedCount how many of those there are in all
 */
record ModelDirectory(
    List<ModelFile> files,
    List<EmptyDirectory> emptyDirectories,
    List<Skipped> skipped,
    long skippedCount) {
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
   * The largest number of links to directories that are followed. Few such links can name a tree
   * many times over, and each is looked at name by name.
   */
  static final int MAX_LINKED_DIRECTORIES = 10_000;

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
  static ModelDirectory measure(ModelSource source, long limitBytes, Cancellation cancellation) {
    long totalBytes = Math.min(limitBytes, USUAL_BOUNDS.totalBytes());
    return measure(
        source, new Bounds(USUAL_BOUNDS.tree(), USUAL_BOUNDS.files(), totalBytes), cancellation);
  }

  static ModelDirectory measure(ModelSource source, Bounds bounds, Cancellation cancellation) {
    Path root = source.model();
    Scan scan = new Scan(source, bounds, cancellation);
    try {
      scan.walk.visitAll(root);
    } catch (CancelledException cancelled) {
      throw new StorageException(
          Kind.CANCELLED, "reading %s was cancelled".formatted(root), cancelled);
    } catch (UnfitContentException unfit) {
      throw DiskErrors.explain("the model directory cannot be published", unfit);
    } catch (IOException failed) {
      throw DiskErrors.explain("cannot read the model directory", root, failed);
    }
    return new ModelDirectory(
        List.copyOf(scan.files),
        List.copyOf(scan.emptyDirectories),
        List.copyOf(scan.skipped),
        scan.skippedCount);
  }

  /** Returns the entries of an archive of all of it. */
  List<ZipEntry> entries() {
    return Stream.<ZipEntry>concat(files.stream(), emptyDirectories.stream()).toList();
  }

  long totalBytes() {
    return files.stream().mapToLong(ModelFile::bytes).sum();
  }

  /**
   * A tree that is being visited.
   *
   * @param as its path as published; empty for the model directory itself
   * @param root the directory on this machine that holds it
   * @param relative its path below that directory
   * @param path its path in the container
   */
  private record Tree(Path as, Path root, Path relative, Path path) {
    private static final Path NONE = Path.of("");

    Path below(Path published) {
      return as.equals(NONE) ? published : as.relativize(published);
    }

    /** Returns whether the parent of an entry of this tree is the directory, or below it. */
    boolean isIn(LinkTarget directory, Path published) {
      Path parent = below(published).getParent();
      return (parent == null ? path : path.resolve(parent)).startsWith(directory.path());
    }
  }

  /**
   * A directory that is being visited.
   *
   * @param publishedBefore how many entries were published before it
   */
  private record Open(Path relative, int publishedBefore) {}

  private static final class Scan implements SafeTree.Visitor {
    private final ModelSource source;
    private final Bounds bounds;
    private final Cancellation cancellation;
    private final SafeTree.Walk walk;
    private final List<ModelFile> files = new ArrayList<>();
    private final List<EmptyDirectory> emptyDirectories = new ArrayList<>();
    private final List<Skipped> skipped = new ArrayList<>();

    /** The model directory, and the directories to which links led, one inside the other. */
    private final Deque<Tree> trees = new ArrayDeque<>();

    /** The directories that are being visited. */
    private final Deque<Open> open = new ArrayDeque<>();

    /** The number of files for each published name that was escaped, or looks as if it was. */
    private final Map<String, Integer> escapedNames = new HashMap<>();

    private final byte[] block = new byte[MeasuredBlocks.BLOCK_BYTES];
    private int linkedDirectories;
    private long skippedCount;
    private long totalBytes;

    Scan(ModelSource source, Bounds bounds, Cancellation cancellation) {
      this.source = source;
      this.bounds = bounds;
      this.cancellation = cancellation;
      this.walk = new SafeTree.Walk(bounds.tree(), cancellation, this);
      trees.push(new Tree(Tree.NONE, source.model(), Tree.NONE, source.modelPath()));
    }

    @Override
    public void visit(
        SecureDirectoryStream<Path> parent,
        Path relative,
        SafeTree.Type type,
        PosixFileAttributes attributes)
        throws IOException {
      switch (type) {
        case DIRECTORY -> open.push(new Open(relative, publishedCount()));
        case FILE -> {
          Tree tree = trees.element();
          Path below = tree.below(relative);
          if (attributes.size() == 0 && source.mountPoints().contains(tree.path().resolve(below))) {
            return;
          }
          add(
              parent,
              relative.getFileName(),
              new Found(
                  tree.root(),
                  tree.relative().resolve(below),
                  trees.size() == 1 ? Optional.empty() : Optional.of(tree.path().resolve(below)),
                  relative),
              attributes);
        }
        case LINK -> follow(relative, attributes);
        case SPECIAL -> skip(relative, "a pipe, socket or device");
      }
    }

    @Override
    public void left(Path relative, PosixFileAttributes attributes) throws IOException {
      Open directory = open.pop();
      while (!directory.relative().equals(relative)) {
        directory = open.pop(); // it vanished while it was visited
      }
      if (directory.publishedBefore() == publishedCount() && !leadsToMount(relative)) {
        requireRoom();
        emptyDirectories.add(
            new EmptyDirectory(
                relative, sameNamed(relative), attributes.lastModifiedTime().toInstant()));
      }
    }

    /** Returns whether the engine made a directory to mount on it, or on one below it. */
    private boolean leadsToMount(Path published) {
      Tree tree = trees.element();
      Path path = tree.path().resolve(tree.below(published));
      return source.mountPoints().stream().anyMatch(mount -> mount.startsWith(path));
    }

    private int publishedCount() {
      return files.size() + emptyDirectories.size();
    }

    private void requireRoom() throws UnfitContentException {
      if (publishedCount() == bounds.files()) {
        throw new UnfitContentException(
            "it holds more than %d files, the most that are published; let the job pack them"
                .formatted(bounds.files()));
      }
    }

    /** Publishes what a link leads to, if that is the job's own. */
    private void follow(Path link, PosixFileAttributes attributes) throws IOException {
      Tree tree = trees.element();
      Path below = tree.below(link);
      Path parent = tree.path().resolve(below).resolve("..").normalize();
      try {
        LinkTarget target =
            LinkTarget.of(source, parent, tree.root().resolve(tree.relative()).resolve(below));
        if (target.attributes().isDirectory()) {
          followTo(target, link, attributes);
        } else if (target.attributes().isRegularFile()) {
          Path name = target.relative().getFileName();
          Path directory = target.relative().getParent();
          try (SecureDirectoryStream<Path> holder =
              SafeTree.open(target.root(), directory == null ? Tree.NONE : directory)) {
            add(
                holder,
                name,
                new Found(target.root(), target.relative(), Optional.of(target.path()), link),
                holder
                    .getFileAttributeView(
                        name, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
                    .readAttributes());
          }
        } else {
          skip(link, "a link to a pipe, socket or device");
        }
      } catch (LinkTarget.NotFollowed e) {
        skip(link, String.valueOf(e.getMessage()));
      }
    }

    private void followTo(LinkTarget directory, Path link, PosixFileAttributes attributes)
        throws IOException {
      if (isCircle(directory, link)) {
        throw new LinkTarget.NotFollowed("a link that leads in a circle");
      }
      linkedDirectories++;
      if (linkedDirectories > MAX_LINKED_DIRECTORIES) {
        throw new UnfitContentException(
            "it holds more than %d links to directories, the most that are followed; copy what they lead to, or remove them"
                .formatted(MAX_LINKED_DIRECTORIES));
      }
      open.push(new Open(link, publishedCount()));
      trees.push(new Tree(link, directory.root(), directory.relative(), directory.path()));
      try {
        walk.visitAlso(directory.root(), directory.relative(), link);
      } finally {
        trees.pop();
      }
      left(link, attributes);
    }

    /** Returns whether a directory is one of those that are being visited, or holds one of them. */
    private boolean isCircle(LinkTarget directory, Path link) {
      Path hanging = link;
      for (Tree tree : trees) {
        if (tree.isIn(directory, hanging)) {
          return true;
        }
        hanging = tree.as();
      }
      return false;
    }

    /**
     * A file to publish.
     *
     * @param relative the path under which it is published
     */
    private record Found(Path root, Path source, Optional<Path> linkedTo, Path relative) {}

    private void add(
        SecureDirectoryStream<Path> parent, Path name, Found found, PosixFileAttributes attributes)
        throws IOException {
      requireRoom();
      requireTotal(attributes.size());
      try {
        ModelFile file = measureFile(parent, name, found, attributes);
        totalBytes += file.bytes();
        files.add(file);
      } catch (AccessDeniedException unreadable) {
        skip(found.relative(), "a file that cannot be read");
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
        SecureDirectoryStream<Path> parent, Path name, Found found, PosixFileAttributes attributes)
        throws IOException {
      MessageDigest sha256 = sha256();
      CRC32 crc32 = new CRC32();
      Fingerprints fingerprints = new Fingerprints();
      long bytes = 0;
      try (SeekableByteChannel channel = SafeTree.read(parent, name)) {
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
          found.root(),
          found.source(),
          found.linkedTo(),
          found.relative(),
          attributes.permissions().contains(PosixFilePermission.OWNER_EXECUTE),
          sameNamed(found.relative()),
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

  /** Returns the names of the first skipped entries, and why each is skipped. */
  String skippedNames(int most) {
    return skipped.stream()
            .limit(most)
            .map(entry -> entry.path() + " (" + entry.reason() + ")")
            .collect(Collectors.joining(", "))
        + (skippedCount > most ? ", …" : "");
  }

  /** Returns a published name. Several files may have the same one, and get numbers. */
  static String numbered(Path relative, int number) {
    String readable = ArtifactNames.readable(relative);
    return number == 1 ? readable : readable + "~" + number;
  }
}
