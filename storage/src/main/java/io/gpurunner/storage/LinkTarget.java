package io.gpurunner.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;

/**
 * Where a link leads, as the programs in the container would follow it, if that is inside the job's
 * own two directories. The path is followed name by name, and each step is checked, so it never
 * leaves them. What is found is opened later by {@link SafeTree}, which follows no link at all.
 *
 * @param root the directory on this machine that holds it
 * @param relative its path below that directory; empty for the directory itself
 * @param path its path in the container
 */
record LinkTarget(Path root, Path relative, Path path, BasicFileAttributes attributes) {
  /**
   * The largest number of links that are followed in one path, as in the kernel
   * (path_resolution(7)).
   */
  private static final int MAX_LINKS = 40;

  private static final String OUTSIDE = "a link that leads out of the job's directories";
  private static final String ABSENT = "a link to something that is not there";

  private static final Path TOP = Path.of("/");

  /** Thrown if a link is not followed. The message is the reason, in words. */
  static final class NotFollowed extends IOException {
    private static final long serialVersionUID = 1;

    NotFollowed(String reason) {
      super(reason);
    }
  }

  /**
   * Follows a link.
   *
   * @param at the path in the container of the directory that holds the link
   * @param link the link on this machine
   * @throws NotFollowed saying why, if it leads out of the job's directories, or nowhere
   */
  static LinkTarget of(ModelSource source, Path at, Path link) throws IOException {
    Deque<Path> names = new ArrayDeque<>();
    Path here = push(names, Files.readSymbolicLink(link), at);
    int links = 1;
    LinkTarget found = inside(source, here).orElse(null);
    while (!names.isEmpty()) {
      if (found != null && !found.attributes().isDirectory()) {
        throw new NotFollowed(ABSENT);
      }
      Path next = here.resolve(names.pop()).normalize();
      Optional<LinkTarget> candidate = inside(source, next);
      if (candidate.isEmpty()) {
        if (!isAbove(source, next)) {
          throw new NotFollowed(OUTSIDE);
        }
        here = next;
        found = null;
      } else if (candidate.get().attributes().isSymbolicLink()) {
        links++;
        if (links > MAX_LINKS) {
          throw new NotFollowed("a link that leads in a circle");
        }
        LinkTarget another = candidate.get();
        here = push(names, Files.readSymbolicLink(another.root.resolve(another.relative)), here);
        found = inside(source, here).orElse(null);
      } else {
        here = next;
        found = candidate.get();
      }
    }
    if (found == null) {
      throw new NotFollowed(OUTSIDE);
    }
    return found;
  }

  /** Puts a link's target before the names that are left, and returns where it starts. */
  private static Path push(Deque<Path> names, Path target, Path here) {
    for (int name = target.getNameCount() - 1; name >= 0; name--) {
      names.push(target.getName(name));
    }
    return target.isAbsolute() ? TOP : here;
  }

  /** Returns what is at a path of the container, if the path is in the job's directories. */
  private static Optional<LinkTarget> inside(ModelSource source, Path path) throws IOException {
    if (source.mountPoints().stream().anyMatch(path::startsWith)) {
      return Optional.empty(); // what is mounted there is none of the job's results
    }
    boolean isModel = path.startsWith(source.modelPath());
    if (!isModel && !path.startsWith(source.checkpointPath())) {
      return Optional.empty();
    }
    Path root = isModel ? source.model() : source.checkpoint();
    Path relative = (isModel ? source.modelPath() : source.checkpointPath()).relativize(path);
    try {
      return Optional.of(
          new LinkTarget(
              root,
              relative,
              path,
              Files.readAttributes(
                  root.resolve(relative), BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)));
    } catch (NoSuchFileException missing) {
      throw new NotFollowed(ABSENT);
    }
  }

  private static boolean isAbove(ModelSource source, Path path) {
    return source.modelPath().startsWith(path) || source.checkpointPath().startsWith(path);
  }
}
