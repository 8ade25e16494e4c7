package io.gpurunner.storage;

import java.io.IOException;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.attribute.PosixFileAttributes;
import java.util.ArrayList;
import java.util.List;

/** Says what the user of a job should know about what was published. Stateless. */
final class PublishWarnings {
  /** The largest number of entries that a warning names. */
  static final int NAMED = 10;

  /** The number of checkpoint files that are counted. */
  private static final int COUNTED = 1_000;

  private static final TreeBounds SHALLOW =
      new TreeBounds(TreeBounds.USUAL.depth(), 10_000, 1L << 20);

  private PublishWarnings() {}

  static List<String> of(ModelSource source, ModelDirectory model, Cancellation cancellation) {
    List<String> warnings = new ArrayList<>();
    if (model.skippedCount() > 0) {
      warnings.add(
          "%d %s of modelPath %s not published: %s"
              .formatted(
                  model.skippedCount(),
                  model.skippedCount() == 1 ? "entry" : "entries",
                  model.skippedCount() == 1 ? "is" : "are",
                  model.skippedNames(NAMED)));
    }
    if (model.files().isEmpty()) {
      warnings.add(
          "modelPath %s holds no file, so nothing is published; ckptPath %s holds %s"
              .formatted(
                  readable(source.modelPath()),
                  readable(source.checkpointPath()),
                  filesIn(source.checkpoint(), cancellation)));
    }
    return warnings;
  }

  private static String readable(Path containerPath) {
    return "/" + ArtifactNames.readable(containerPath);
  }

  /** Returns how many files are in a directory, and the first of them, in words. */
  private static String filesIn(Path directory, Cancellation cancellation) {
    Count count = new Count();
    try {
      SafeTree.walk(directory, SHALLOW, cancellation, count);
    } catch (Enough | UnfitContentException atLeastSoMany) {
      return "%d files or more, such as %s".formatted(count.files, count.first);
    } catch (IOException unreadable) {
      return "files that cannot be read";
    }
    return switch (count.files) {
      case 0 -> "no file either";
      case 1 -> "one file: " + count.first;
      default -> "%d files, such as %s".formatted(count.files, count.first);
    };
  }

  private static final class Enough extends IOException {
    private static final long serialVersionUID = 1;
  }

  private static final class Count implements SafeTree.Visitor {
    private int files;
    private String first = "";

    @Override
    public void visit(
        SecureDirectoryStream<Path> parent,
        Path relative,
        SafeTree.Type type,
        PosixFileAttributes attributes)
        throws IOException {
      if (type == SafeTree.Type.FILE) {
        if (files == 0) {
          first = ArtifactNames.readable(relative);
        }
        files++;
        if (files == COUNTED) {
          throw new Enough();
        }
      }
    }
  }
}
