package io.gpurunner.storage;

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
 * Says in words what is wrong with a file, for messages of the whole agent. The message of most of
 * Java's own exceptions is only the path. Stateless.
 */
public final class FileFault {
  private FileFault() {}

  /** Returns the reason in words, after the file that it is about, if the exception names one. */
  public static String words(IOException failure) {
    return file(failure).map(file -> file + ": ").orElse("") + reason(failure);
  }

  /**
   * Returns the reason in words. If it is about another file than the one in the message, that file
   * is named too.
   *
   * @param named the file that the message names already
   */
  public static String words(IOException failure, Path named) {
    boolean known = file(failure).filter(named.toString()::equals).isPresent();
    return known ? reason(failure) : words(failure);
  }

  /** Returns the reason in words, without the file that the exception names. */
  public static String reason(IOException failure) {
    return failure instanceof FileSystemException about
        ? reason(about)
        : Optional.ofNullable(failure.getMessage())
            .orElseGet(() -> failure.getClass().getSimpleName());
  }

  private static String reason(FileSystemException failure) {
    return Optional.ofNullable(failure.getReason())
        .map(FileFault::uncapitalized)
        .orElseGet(() -> meaning(failure));
  }

  /** Returns what the exception's type says. Java gives no other reason with these types. */
  private static String meaning(FileSystemException failure) {
    return switch (failure) {
      case NoSuchFileException _ -> "no such file or directory";
      case AccessDeniedException _ -> "permission denied";
      case NotDirectoryException _ -> "is not a directory";
      case FileAlreadyExistsException _ -> "is there already and is not a directory";
      case DirectoryNotEmptyException _ -> "is a directory that is not empty";
      case FileSystemLoopException _ -> "is a link that leads to itself";
      default -> failure.getClass().getSimpleName();
    };
  }

  /** Returns the system's words as a part of a sentence. */
  private static String uncapitalized(String text) {
    return text.isEmpty()
        ? text
        : text.substring(0, 1).toLowerCase(Locale.ROOT) + text.substring(1);
  }

  private static Optional<String> file(IOException failure) {
    return failure instanceof FileSystemException about
        ? Optional.ofNullable(about.getFile())
        : Optional.empty();
  }
}
