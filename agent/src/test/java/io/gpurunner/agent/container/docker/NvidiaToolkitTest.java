package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests with programs that print what NVIDIA's print. */
final class NvidiaToolkitTest {
  @TempDir private Path first;
  @TempDir private Path second;

  private NvidiaToolkit toolkit() {
    return new NvidiaToolkit(List.of(first, second));
  }

  private static void install(Path program, String script) throws IOException {
    Path next = program.resolveSibling("next");
    Files.writeString(next, "#!/bin/sh\n" + script + "\n");
    Files.setPosixFilePermissions(next, PosixFilePermissions.fromString("rwxr-xr-x"));
    Files.move(next, program, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
  }

  private static String says(String version) {
    return "echo ran >>\"$0.runs\"; echo 'NVIDIA Container Toolkit CLI version "
        + version
        + "'; echo 'commit: 6b8589dc'";
  }

  @Test
  void aMachineWithoutTheToolkitHasNoVersion() {
    assertThat(toolkit().version()).isEmpty();
  }

  @Test
  void theProgramIsAskedOnceAndAgainAfterAnUpdate() throws IOException {
    NvidiaToolkit toolkit = toolkit();
    Path program = second.resolve("nvidia-ctk");
    install(program, says("1.17.7"));
    assertThat(toolkit.version()).contains("1.17.7");
    assertThat(toolkit.version()).contains("1.17.7");
    assertThat(Files.readAllLines(second.resolve("nvidia-ctk.runs"))).hasSize(1);
    install(program, says("1.17.8"));
    assertThat(toolkit.version()).contains("1.17.8");
    Files.delete(program);
    assertThat(toolkit.version()).isEmpty();
  }

  @Test
  void anOldToolkitHasOnlyItsHook() throws IOException {
    install(
        first.resolve("nvidia-container-runtime-hook"),
        "echo 'NVIDIA Container Runtime Hook version 1.10.0'");
    assertThat(toolkit().version()).contains("1.10.0");
  }

  @Test
  void aProgramThatSaysNothingOfUseGivesNoVersion() throws IOException {
    install(
        first.resolve("nvidia-ctk"), "echo 'flag provided but not defined: -version' >&2; exit 1");
    assertThat(toolkit().version()).isEmpty();
  }
}
