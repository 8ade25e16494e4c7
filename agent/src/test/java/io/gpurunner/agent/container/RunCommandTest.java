package io.gpurunner.agent.container;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class RunCommandTest {
  @Test
  void plainWordsRunDirectly() {
    assertThat(RunCommand.parse("python  train.py --lr=0.1\t-n 2 user@host:/a,b+c%d"))
        .isEqualTo(List.of("python", "train.py", "--lr=0.1", "-n", "2", "user@host:/a,b+c%d"));
    assertThat(RunCommand.parse("  /opt/训练/run.sh \n")).isEqualTo(List.of("/opt/训练/run.sh"));
    assertThat(RunCommand.parse("torchrun train.py")).isEqualTo(List.of("torchrun", "train.py"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a && b",
        "a || b",
        "a; b",
        "a | b",
        "a &",
        "echo $HOME",
        "echo ${HOME}",
        "echo 'x y'",
        "echo \"x\"",
        "a > f",
        "a < f",
        "a 2>&1",
        "ls *.py",
        "ls ?",
        "ls [ab]",
        "echo `date`",
        "echo $(date)",
        "a\\ b",
        "ls ~",
        "ls ~/x",
        "a # note",
        "echo {1,2}",
        "{ a; }",
        "LR=1 a",
        "PATH+=x a",
        "a\rb",
        "echo $HOME\n",
        "(a)",
        "! a",
        "a ^b",
        "cd /x",
        "export A",
        "exec a",
        "source x",
        ". x",
        ": x",
        "a\u0000b",
        "a\u00a0b"
      })
  void whatAShellReadsOtherwiseGoesToTheShell(String text) {
    assertThat(RunCommand.parse(text)).isEqualTo(List.of("/bin/sh", "-c", text));
  }

  @ParameterizedTest
  @ValueSource(strings = {"a\nb", "a\r\nb", "\na\n\nb\n", "a &&\n b"})
  void severalLinesEndAtTheFirstThatFails(String text) {
    assertThat(RunCommand.parse(text))
        .isEqualTo(List.of("/bin/sh", "-e", "-c", text.replace("\r\n", "\n")));
  }

  @Test
  void aLineThatEndsAsWindowsWritesItIsPlainAllTheSame() {
    assertThat(RunCommand.parse("python train.py\r\n")).isEqualTo(List.of("python", "train.py"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "\n\t "})
  void aBlankCommandIsAMistakeOfTheCaller(String text) {
    assertThatThrownBy(() -> RunCommand.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }
}
