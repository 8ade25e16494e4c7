package io.gpurunner.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
final class GenerateDocsTest {
  private static final List<String> COMMANDS =
      List.of(
          "submit",
          "status",
          "logs",
          "ls",
          "cancel",
          "artifacts",
          "whoami",
          "callback-key",
          "gpus",
          "retry-upload",
          "serve",
          "token",
          "config",
          "backup",
          "restore");

  @TempDir private Path directory;

  @BeforeEach
  void generate() {
    assertThat(new CommandRun(directory).run("generate-docs", directory.toString()))
        .isEqualTo(new CommandRun.Outcome(0, "", ""));
  }

  private String content(String name) throws IOException {
    return Files.readString(directory.resolve(name));
  }

  @Test
  void eachCommandHasAPage() throws IOException {
    String all = content("man/man1/gpurunner.1");
    for (String command : COMMANDS) {
      String name = command.replace("-", "\\-");
      assertThat(all).contains(".TP\n\\fBgpurunner " + name + "\\fR\n");
      assertThat(content("man/man1/gpurunner-" + command + ".1"))
          .contains(".SH \"NAME\"\ngpurunner\\-" + name + " \\- ")
          .contains(".SH \"EXIT STATUS\"");
    }
    assertThat(all).doesNotContain("generate");
    assertThat(content("man/man1/gpurunner-submit.1"))
        .contains("gpurunner submit [OPTION]... [\\-\\-] [COMMAND...]\n")
        .contains(
            ".TP\n\\fB\\-e\\fR, \\fB\\-\\-env\\fR=\\fINAME=VALUE\\fR\nA variable of the job.");
    assertThat(content("man/man1/gpurunner-gpus.1"))
        .contains("gpurunner gpus quarantine [OPTION]... GPU");
  }

  @Test
  void bashCompletesCommandsAndOptions() throws IOException {
    assertThat(completed("su")).isEqualTo("submit");
    assertThat(completed("gpus qua")).isEqualTo("quarantine");
    assertThat(completed("submit --pri")).isEqualTo("--priority");
    assertThat(completed("gen")).isEmpty();
  }

  private String completed(String line) throws IOException {
    String script =
        ". '%s/bash-completion/completions/gpurunner'; COMP_WORDS=(gpurunner %s);"
                .formatted(directory, line)
            + " COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _complete_gpurunner; echo ${COMPREPLY[*]}";
    // Outside of a completion, bash says that it cannot set options of one.
    Process bash =
        new ProcessBuilder("bash", "-c", script)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    return new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
  }

  @Test
  void zshKnowsCommandsOptionsAndJobs() throws IOException {
    assertThat(content("zsh/site-functions/_gpurunner"))
        .startsWith("#compdef gpurunner\n")
        .contains("'submit:Create a job, and print its id'")
        .contains("gpus) shift words; (( CURRENT-- )); _gpurunner_gpus; return ;;")
        .contains("_gpurunner_gpus_release_driver() {")
        .contains("'(-f --follow)'{-f,--follow}'[Go on until the job has ended]'")
        .contains("'*'{-e,--env=}'[A variable of the job]:NAME=VALUE:'")
        .contains(
            "'--config=[The agent of this machine that runs with this configuration]:FILE:_files'")
        .contains("'--json[Print the agent'\\''s JSON")
        .contains("'*:parameter:_gpurunner_jobs'")
        .endsWith("\n_gpurunner \"$@\"\n");
  }

  @Test
  void fishKnowsCommandsOptionsAndJobs() throws IOException {
    assertThat(content("fish/vendor_completions.d/gpurunner.fish").lines())
        .contains(
            "complete -c gpurunner -f",
            "complete -c gpurunner -n '__fish_use_subcommand' -a submit -d 'Create a job, and print"
                + " its id'",
            "complete -c gpurunner -n '__fish_seen_subcommand_from logs' -s f -l follow -d 'Go on"
                + " until the job has ended'",
            "complete -c gpurunner -n '__fish_seen_subcommand_from submit' -s f -l file -r -F -d"
                + " 'The job as JSON, as the API takes it; - for standard input'",
            "complete -c gpurunner -n '__fish_seen_subcommand_from cancel' -a '(gpurunner ls --all"
                + " --quiet --limit 100 2>/dev/null)'",
            "complete -c gpurunner -n '__fish_seen_subcommand_from gpus; and"
                + " __fish_seen_subcommand_from quarantine' -l reason -x -d 'Why; it is shown to"
                + " those whose jobs wait'");
  }
}
