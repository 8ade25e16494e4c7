package io.gpurunner.agent.os;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/**
 * Says in words what is wrong with a file, for messages. The message of Java's own exceptions is
 * only the path.
 */
public final class FileFault {
  private FileFault() {}

  /**
   * Returns the reason in words. If it is about another file than the one in the message, that file
   * is named too.
   *
   * @param named the file that the message names already
   */
  public static String words(IOException failure, Path named) {
    if (!(failure instanceof FileSystemException about)) {
      return Optional.ofNullable(failure.getMessage())
          .orElseGet(() -> failure.getClass().getSimpleName());
    }
    Optional<String> other =
        Optional.ofNullable(about.getFile()).filter(file -> !file.equals(named.toString()));
    return other.map(file -> file + ": ").orElse("") + reason(about);
  }

  private static String reason(FileSystemException failure) {
    return switch (failure) {
      case NoSuchFileException _ -> "no such file or directory";
      case AccessDeniedException _ -> "permission denied";
      case NotDirectoryException _ -> "is not a directory";
      case FileAlreadyExistsException _ -> "is there already and is not a directory";
      case DirectoryNotEmptyException _ -> "is a directory that is not empty";
      case FileSystemLoopException _ -> "is a link that leads to itself";
      case FileSystemException other ->
          Optional.ofNullable(other.getReason())
              .map(text -> text.toLowerCase(Locale.ROOT))
              .orElseGet(() -> other.getClass().getSimpleName());
    };
  }
}
