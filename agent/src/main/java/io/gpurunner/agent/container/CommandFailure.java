package io.gpurunner.agent.container;

import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Says what is wrong with a container's command, from the last lines that the container printed.
 * Pure.
 *
 * <p>Docker's init (tini) prints one line if it cannot execute the command, and ends with 127 (not
 * found), 126 (may not be executed) or 1 (any other error); see {@code spawn_process} in
 * src/tini.c. Shells end with 126 and 127 too, and print a line of their own.
 */
public sealed interface CommandFailure {
  /** The longest piece of a container's output in a reason. */
  int QUOTED_CHARACTERS = 200;

  /** Returns whether the output is worth a look after this exit code. */
  static boolean canBeMeantBy(int exitCode) {
    return exitCode == ExitCodes.NOT_FOUND
        || exitCode == ExitCodes.CANNOT_EXECUTE
        || exitCode == ByInit.OTHER_ERROR;
  }

  /**
   * Returns what is wrong. It is empty if the exit code or the output says nothing about the
   * command.
   *
   * @param output the end of what the container printed
   */
  static Optional<CommandFailure> of(int exitCode, String output) {
    if (!canBeMeantBy(exitCode)) {
      return Optional.empty();
    }
    List<String> lines = output.lines().filter(line -> !line.isBlank()).toList();
    Optional<String> last = lines.reversed().stream().findFirst();
    // The engine hands on standard output and error in no fixed order.
    Optional<String> telling = lines.reversed().stream().filter(ByProgram::tells).findFirst();
    Optional<CommandFailure> byInit = last.flatMap(ByInit::read);
    return byInit.isPresent() || exitCode == ByInit.OTHER_ERROR
        ? byInit
        : telling.or(() -> last).map(line -> new ByProgram(line.strip()));
  }

  /** Returns the path of the file in the container that may tell more. */
  Optional<String> file();

  /**
   * Returns what is wrong, as the rest of a sentence that begins with the exit code.
   *
   * @param file what is at the path {@link #file}; empty if that is not known
   */
  String describe(Optional<ProgramFile> file);

  /**
   * Docker's init could not execute the command.
   *
   * @param program the first word of the command
   * @param error the words of strerror(3)
   */
  record ByInit(String program, String error) implements CommandFailure {
    private static final int OTHER_ERROR = 1;

    private static final Pattern LINE =
        Pattern.compile("\\[FATAL tini \\(\\d+\\)] exec (.+) failed: (.+)");

    private static Optional<CommandFailure> read(String line) {
      Matcher matcher = LINE.matcher(line.strip());
      return matcher.matches()
          ? Optional.of(new ByInit(matcher.group(1), matcher.group(2)))
          : Optional.empty();
    }

    /** Only a program that is named by a path can be looked at. Others are searched in the PATH. */
    @Override
    public Optional<String> file() {
      return isNotFound() && isPath(program) ? Optional.of(program) : Optional.empty();
    }

    private boolean isNotFound() {
      return error.equals("No such file or directory");
    }

    @Override
    public String describe(Optional<ProgramFile> file) {
      String name = quoted(program);
      String what =
          switch (error) {
            case "No such file or directory" ->
                isPath(program) ? missing(name, file) : notInPath(name);
            case "Permission denied" ->
                name
                    + " may not be executed: it is a directory, or a file without the permission to"
                    + " execute (chmod +x)";
            case "Exec format error" -> foreign(name);
            default -> name + " could not be executed: " + plain(error);
          };
      return ": " + what;
    }

    private String notInPath(String name) {
      if (program.equals("env")) {
        return "the image has no program \"env\", which sets the variables of the loader"
            + " (LD_LIBRARY_PATH and its like) for jobs with GPUs; choose an image that has it";
      }
      return "no directory of the image's PATH has a program "
          + name
          + " that can run; correct the command, or choose an image that has the program";
    }

    private static String missing(String name, Optional<ProgramFile> file) {
      if (file.isEmpty()) {
        return name + " is not in the image, or the interpreter that its first line names is not";
      }
      return switch (file.get()) {
        case ProgramFile.Absent() ->
            "there is no file "
                + name
                + " in the image; correct the command, or choose an image that has the file";
        case ProgramFile.Script script when script.hasWindowsLineEnd() ->
            "the first line of the script "
                + name
                + " ends with a carriage return, which counts as a part of its interpreter's name;"
                + " save the script with the line ends of Unix";
        case ProgramFile.Script script ->
            "the script "
                + name
                + " names the interpreter "
                + quoted(script.interpreter())
                + " in its first line, and that is not in the image";
        case ProgramFile.Binary binary when binary.isForeign() -> foreign(name);
        case ProgramFile.Binary _ ->
            "the program "
                + name
                + " needs a loader that is not in the image: it was built for another C library";
        case ProgramFile.Other() ->
            "the file "
                + name
                + " is neither a program nor a script that names its interpreter (#! in its first"
                + " line)";
      };
    }
  }

  /**
   * A program of the container, mostly a shell, ended with the exit code 126 or 127.
   *
   * @param line the line of the output that tells about it; if none does, the last one
   */
  record ByProgram(String line) implements CommandFailure {
    /** The words of shells and of env, in English. */
    private static final Pattern TELLING =
        Pattern.compile(
            "not found|No such file or directory|can(no|')t execute|Permission denied|exec format"
                + " error",
            Pattern.CASE_INSENSITIVE);

    private static final Pattern SEPARATOR = Pattern.compile(": ");

    private static boolean tells(String line) {
      return TELLING.matcher(line).find();
    }

    /** A shell names the file last: {@code /bin/sh: 1: /opt/train: not found}. */
    @Override
    public Optional<String> file() {
      return SEPARATOR
          .splitAsStream(line)
          .filter(part -> isPath(part) && part.chars().noneMatch(Character::isWhitespace))
          .reduce((_, later) -> later);
    }

    @Override
    public String describe(Optional<ProgramFile> file) {
      return file.isPresent()
              && file.get() instanceof ProgramFile.Binary binary
              && binary.isForeign()
          ? ": " + foreign(quoted(file().orElseThrow()))
          : "; its output says: " + plain(line);
    }
  }

  private static boolean isPath(String program) {
    return program.indexOf('/') >= 0;
  }

  private static String foreign(String name) {
    return "the program "
        + name
        + " was built for another processor than this machine's (exec format error); choose an"
        + " image for "
        + ProgramFile.processor();
  }

  private static String quoted(String text) {
    return '"' + plain(text) + '"';
  }

  /** Returns a text of the container in a form that is safe to show. */
  private static String plain(String text) {
    int[] characters = text.codePoints().map(CommandFailure::shown).toArray();
    return characters.length <= QUOTED_CHARACTERS
        ? new String(characters, 0, characters.length)
        : new String(characters, 0, QUOTED_CHARACTERS) + "…";
  }

  private static int shown(int character) {
    return switch (Character.getType(character)) {
      // Among these are characters that change the direction of writing or break lines.
      case Character.CONTROL,
          Character.FORMAT,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.SURROGATE ->
          '?';
      default -> character;
    };
  }
}
