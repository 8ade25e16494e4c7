package io.gpurunner.agent.container;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests with lines that tini and shells print. */
final class CommandFailureTest {
  private static final ProgramFile FOREIGN = new ProgramFile.Binary(22); // a mainframe

  private static String tini(String program, String error) {
    return "[FATAL tini (7)] exec " + program + " failed: " + error + "\n";
  }

  private static CommandFailure failure(int exitCode, String output) {
    return CommandFailure.of(exitCode, output).orElseThrow();
  }

  private static String missing(String program, Optional<ProgramFile> file) {
    CommandFailure failure =
        failure(127, "\n" + tini(program, "No such file or directory") + " \n");
    assertThat(failure.file()).contains(program);
    return failure.describe(file);
  }

  @Test
  void theLineThatTellsIsTakenInWhateverOrderTheLinesCome() {
    assertThat(failure(127, "/bin/sh: nope: not found\n1\n").describe(Optional.empty()))
        .isEqualTo("; its output says: /bin/sh: nope: not found");
    assertThat(failure(127, "1\n2\n").describe(Optional.empty())).isEqualTo("; its output says: 2");
  }

  @Test
  void aProgramThatNoDirectoryOfThePathHasIsNamed() {
    CommandFailure failure = failure(127, tini("pyton", "No such file or directory"));
    assertThat(failure.file()).isEmpty();
    assertThat(failure.describe(Optional.empty()))
        .isEqualTo(
            ": no directory of the image's PATH has a program \"pyton\" that can run; correct the"
                + " command, or choose an image that has the program");
  }

  @Test
  void anImageWithoutEnvIsToldWhatItIsFor() {
    assertThat(failure(127, tini("env", "No such file or directory")).describe(Optional.empty()))
        .startsWith(": the image has no program \"env\", which sets the variables of the loader");
  }

  @Test
  void whyAFileIsNotFoundIsSeenInTheFile() {
    assertThat(missing("/x", Optional.of(new ProgramFile.Absent())))
        .startsWith(": there is no file \"/x\" in the image;");
    assertThat(missing("./x", Optional.of(new ProgramFile.Script("/nope"))))
        .isEqualTo(
            ": the script \"./x\" names the interpreter \"/nope\" in its first line, and that is"
                + " not in the image");
    assertThat(missing("/x", Optional.of(new ProgramFile.Script("/bin/sh\r"))))
        .startsWith(": the first line of the script \"/x\" ends with a carriage return");
    assertThat(missing("/x", Optional.of(FOREIGN)))
        .startsWith(": the program \"/x\" was built for another processor than this machine's");
    assertThat(missing("/x", Optional.of(ProgramFileTest.own())))
        .startsWith(": the program \"/x\" needs a loader that is not in the image");
    assertThat(missing("/x", Optional.of(new ProgramFile.Other())))
        .startsWith(": the file \"/x\" is neither a program nor a script");
    assertThat(missing("/x", Optional.empty()))
        .isEqualTo(
            ": \"/x\" is not in the image, or the interpreter that its first line names is not");
  }

  @Test
  void otherErrorsOfTheInitAreSaid() {
    CommandFailure denied = failure(126, "loss 1\n" + tini("/etc", "Permission denied"));
    assertThat(denied.file()).isEmpty();
    assertThat(denied.describe(Optional.empty()))
        .startsWith(": \"/etc\" may not be executed: it is a directory, or a file without");
    // tini ends with 1 then.
    assertThat(failure(1, tini("python", "Exec format error")).describe(Optional.empty()))
        .isEqualTo(
            ": the program \"python\" was built for another processor than this machine's (exec"
                + " format error); choose an image for "
                + ProgramFile.processor());
    assertThat(failure(1, tini("a b", "Argument list too long")).describe(Optional.empty()))
        .isEqualTo(": \"a b\" could not be executed: Argument list too long");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      nullValues = "-",
      value = {
        "127|/bin/sh: foo: not found|/bin/sh",
        "127|sh: 1: foo: not found|-",
        "127|bash: line 1: foo: command not found|-",
        "127|env: can't execute 'python3': No such file or directory|-",
        "126|/bin/sh: /opt/train: Permission denied|/opt/train",
        "127|/opt/train: line 3: foo: not found|/opt/train"
      })
  void theLineOfAShellIsQuoted(int exitCode, String line, String file) {
    CommandFailure failure = failure(exitCode, "epoch 1\n" + line + "\n\n");
    assertThat(failure.file()).isEqualTo(Optional.ofNullable(file));
    for (ProgramFile seen :
        new ProgramFile[] {
          new ProgramFile.Absent(), new ProgramFile.Script("/nope"), ProgramFileTest.own()
        }) {
      assertThat(failure.describe(Optional.of(seen))).isEqualTo("; its output says: " + line);
    }
    assertThat(failure.describe(Optional.empty())).isEqualTo("; its output says: " + line);
  }

  @Test
  void aProgramForAnotherProcessorThatAShellTriedIsNamed() {
    assertThat(
            failure(127, "/opt/train: line 1: \u007fELF\u0002\u0001: not found\n")
                .describe(Optional.of(FOREIGN)))
        .startsWith(": the program \"/opt/train\" was built for another processor");
  }

  @Test
  void nothingIsSaidWithoutALineThatTells() {
    assertThat(CommandFailure.of(127, "")).isEmpty();
    assertThat(CommandFailure.of(126, " \n\n")).isEmpty();
    assertThat(CommandFailure.of(1, "Traceback: /x\n")).isEmpty();
    assertThat(CommandFailure.of(1, tini("/x", "Permission denied") + "later\n")).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 2, 125, 128, 137})
  void otherExitCodesMeanSomethingElse(int exitCode) {
    assertThat(CommandFailure.of(exitCode, tini("/x", "Permission denied"))).isEmpty();
  }

  @Test
  void aLongLineIsCutAndControlCharactersAreReplaced() {
    assertThat(failure(127, "x\u001b[31m\u202ey\u0000").describe(Optional.empty()))
        .endsWith("says: x?[31m?y?");
    String prefix = "; its output says: ";
    assertThat(failure(127, "ä".repeat(200)).describe(Optional.empty()))
        .isEqualTo(prefix + "ä".repeat(200));
    assertThat(failure(127, "ä".repeat(201)).describe(Optional.empty()))
        .isEqualTo(prefix + "ä".repeat(200) + "…");
  }
}
