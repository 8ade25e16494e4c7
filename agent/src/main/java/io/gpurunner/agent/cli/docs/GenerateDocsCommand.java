package io.gpurunner.agent.cli.docs;

import io.gpurunner.agent.cli.client.CommandFailedException;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.storage.FileFault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code gpurunner generate-docs}: the build calls it. */
@Command(
    name = "generate-docs",
    description = "Write the manual pages and the completions of shells below DIR.",
    mixinStandardHelpOptions = true,
    hidden = true)
public final class GenerateDocsCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "DIR", description = "A directory like /usr/local/share.")
  private Path directory = Path.of("");

  @Override
  public Integer call() {
    CommandSpec root = spec.root();
    CommandLine program = root.commandLine();
    try {
      write("bash-completion/completions/gpurunner", AutoComplete.bash(root.name(), program));
      write("zsh/site-functions/_gpurunner", ZshCompletion.of(root));
      write("fish/vendor_completions.d/gpurunner.fish", FishCompletion.of(root));
      write("man/man1/gpurunner.1", ManPage.of(root));
      for (CommandSpec command : CommandTree.below(root)) {
        write("man/man1/gpurunner-" + command.name() + ".1", ManPage.of(command));
      }
    } catch (IOException failure) {
      throw new CommandFailedException(
          directory + ": cannot be written: " + FileFault.words(failure, directory), failure);
    }
    return ExitStatus.DONE;
  }

  private void write(String name, String content) throws IOException {
    Path file = directory.resolve(name);
    Files.createDirectories(directory.resolve(name.substring(0, name.lastIndexOf('/'))));
    Files.writeString(file, content);
  }
}
