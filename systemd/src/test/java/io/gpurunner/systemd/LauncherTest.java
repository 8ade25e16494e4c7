package io.gpurunner.systemd;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs {@code bin/gpurunner} with a fake Java that prints how it was called. */
final class LauncherTest {
  /** Writes the cache, as Java does after a training run. */
  private static final String REHEARSING =
      """
      for word; do
        case $word in -XX:AOTCacheOutput=*) echo "prepared by $1" >"${word#*=}" ;; esac
      done
      """;

  @TempDir private Path directory;
  private Path tree;
  private Path launcher;
  private Path java;

  @BeforeEach
  void makeTree() throws IOException {
    tree = directory.resolve("a tree");
    launcher = tree.resolve("bin/gpurunner");
    Files.createDirectories(tree.resolve("bin"));
    Files.copy(Shell.REPOSITORY.resolve("agent/src/main/dist/bin/gpurunner"), launcher);
    assertThat(launcher.toFile().setExecutable(true)).isTrue();
    java = fakeJava("java-25", "25.0.1");
  }

  @Test
  void findsItsTreeThroughLinksFromAnywhere() throws Exception {
    Path first = Files.createSymbolicLink(directory.resolve("first"), launcher);
    Path second = Files.createSymbolicLink(directory.resolve("gpurunner"), first);

    assertThat(launch(second, Map.of(), "serve", "--config", "a file"))
        .startsWith(java + "/bin/java", "--enable-native-access=ALL-UNNAMED")
        .containsSequence("-cp", tree + "/lib/*")
        .endsWith("io.gpurunner.agent.Main", "serve", "--config", "a file");
  }

  @Test
  void givesTheServerMoreThanACommand() throws Exception {
    assertThat(launch(launcher, Map.of(), "serve"))
        .contains("-XX:+UseG1GC", "-Xmx512m", "-XX:+ExitOnOutOfMemoryError")
        .anyMatch(
            option ->
                option.matches(
                    "-Djdk\\.virtualThreadScheduler\\.parallelism=(1[6-9]|[2-9][0-9]|[0-9]{3,})"))
        .doesNotContain("-XX:TieredStopAtLevel=1");
    assertThat(launch(launcher, Map.of(), "token", "list"))
        .contains("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
        .doesNotContain("-Xmx512m");
  }

  @Test
  void putsTheAdministratorsOptionsLast() throws Exception {
    assertThat(launch(launcher, Map.of("GPURUNNER_JAVA_OPTS", "-Xmx2g  -Dpattern=*"), "serve"))
        .endsWith("-Xmx2g", "-Dpattern=*", "io.gpurunner.agent.Main", "serve");
  }

  @Test
  void startsFromWhatWasPrepared() throws Exception {
    assertThat(launch(launcher, Map.of(), "serve")).noneMatch(word -> word.contains("AOT"));

    Files.createFile(tree.resolve("start.aot"));

    assertThat(launch(launcher, Map.of(), "serve"))
        .contains("-XX:AOTCache=" + tree + "/start.aot")
        .endsWith("io.gpurunner.agent.Main", "serve");
  }

  @Test
  void startsCommandsForUsersFromACacheOfTheirOwn() throws Exception {
    Files.createFile(tree.resolve("start.aot"));
    assertThat(launch(launcher, Map.of(), "ls")).noneMatch(word -> word.contains("AOT"));

    Files.createFile(tree.resolve("commands.aot"));

    assertThat(launch(launcher, Map.of(), "ls", "-a"))
        .contains("-XX:AOTCache=" + tree + "/commands.aot", "-Xlog:aot=off", "-Xlog:cds=off")
        .endsWith("io.gpurunner.agent.Main", "ls", "-a");
    assertThat(launch(launcher, Map.of(), "token", "list"))
        .contains("-XX:AOTCache=" + tree + "/start.aot");
  }

  @Test
  void preparesAStart() throws Exception {
    Path rehearsing = fakeJava("java-26", "26", REHEARSING);

    Shell.run(directory, javaHome(rehearsing), launcher.toString(), "prepare-start").succeeded();

    assertThat(tree.resolve("start.aot")).content().startsWith("prepared by");
    assertThat(tree.resolve("commands.aot")).content().startsWith("prepared by");
    assertThat(tree.toFile().list()).containsExactlyInAnyOrder("bin", "start.aot", "commands.aot");
  }

  @Test
  void saysWhyAStartCouldNotBePrepared() throws Exception {
    Path failing = fakeJava("java-26", "26", "echo no memory; exit 1\n");
    Files.writeString(tree.resolve("start.aot"), "as before");

    Shell.Outcome result =
        Shell.run(directory, javaHome(failing), launcher.toString(), "prepare-start");

    assertThat(result.status()).isEqualTo(1);
    assertThat(result.output()).contains("no memory").contains("gpurunner works without");
    assertThat(tree.resolve("start.aot")).hasContent("as before");
    assertThat(tree.toFile().list()).containsExactlyInAnyOrder("bin", "start.aot");
  }

  /** Java would write to the current directory, and even the user's file of contexts. */
  @Test
  void preparesNothingWithoutADirectoryForIt() throws Exception {
    for (String mktemp : List.of("exit 1", "exit 0")) {
      Path programs = program("mktemp", mktemp);

      Shell.Outcome result = prepareWith(programs, fakeJava("java-26", "26", "touch started\n"));

      assertThat(result.status()).as(mktemp).isNotZero();
      assertThat(directory.resolve("started")).doesNotExist();
      assertThat(tree.toFile().list()).containsExactly("bin");
    }
  }

  @Test
  void saysThatACacheCouldNotBePutInItsPlace() throws Exception {
    Path programs = program("mv", "exit 1");

    Shell.Outcome result = prepareWith(programs, fakeJava("java-26", "26", REHEARSING));

    assertThat(result.status()).isEqualTo(1);
    assertThat(tree.toFile().list()).containsExactly("bin");
  }

  private Shell.Outcome prepareWith(Path programs, Path java) throws Exception {
    Map<String, String> environment =
        Map.of("JAVA_HOME", java.toString(), "PATH", programs + ":" + System.getenv("PATH"));
    return Shell.run(directory, environment, launcher.toString(), "prepare-start");
  }

  /** Returns a directory with a program of this name, which goes before the real one. */
  private Path program(String name, String script) throws IOException {
    Path programs = Files.createDirectories(directory.resolve("programs"));
    Path program = Files.writeString(programs.resolve(name), "#!/bin/sh\n" + script + "\n");
    assertThat(program.toFile().setExecutable(true)).isTrue();
    return programs;
  }

  @Test
  void keepsWhatTheAgentWritesFromOthersAndNotWhatUsersFetch() throws Exception {
    Path telling = fakeJava("java-26", "26", "umask\n");
    for (String command : new String[] {"serve", "token", "artifacts"}) {
      String line = "umask 027; exec \"$0\" " + command;
      assertThat(
              Shell.run(directory, javaHome(telling), "/bin/sh", "-c", line, launcher.toString())
                  .succeeded()
                  .output())
          .isEqualTo(command.equals("artifacts") ? "0027\n" : "0077\n");
    }
  }

  @Test
  void passesAnOlderJavaBy() throws Exception {
    Path older = fakeJava("java-21", "21.0.9");
    String path = java + "/bin:" + System.getenv("PATH");

    assertThat(launch(launcher, Map.of("JAVA_HOME", older.toString(), "PATH", path), "serve"))
        .startsWith(java + "/bin/java");
  }

  @Test
  void takesANewerJava() throws Exception {
    Path newer = fakeJava("java-27", "27");

    assertThat(launch(launcher, Map.of("JAVA_HOME", newer.toString()), "serve"))
        .startsWith(newer + "/bin/java");
  }

  @Test
  void speaksUtf8UnderAnyLocale() throws Exception {
    assertThat(
            Shell.run(
                    directory,
                    Map.of("JAVA_HOME", java.toString(), "LC_ALL", "POSIX"),
                    launcher.toString(),
                    "serve")
                .output())
        .startsWith("locale C.UTF-8\n");
  }

  private List<String> launch(Path program, Map<String, String> environment, String... arguments)
      throws IOException, InterruptedException {
    Map<String, String> all =
        environment.containsKey("JAVA_HOME")
            ? environment
            : with(environment, "JAVA_HOME", java.toString());
    String[] command = new String[arguments.length + 1];
    command[0] = program.toString();
    System.arraycopy(arguments, 0, command, 1, arguments.length);
    return Shell.run(directory, all, command)
        .succeeded()
        .output()
        .lines()
        .skip(1) // the locale
        .toList();
  }

  private static Map<String, String> with(
      Map<String, String> environment, String name, String value) {
    Map<String, String> all = new HashMap<>(environment);
    all.put(name, value);
    return Map.copyOf(all);
  }

  private static Map<String, String> javaHome(Path home) {
    return Map.of("JAVA_HOME", home.toString());
  }

  private Path fakeJava(String name, String version) throws IOException {
    return fakeJava(name, version, "echo \"locale $LC_ALL\"\nprintf '%s\\n' \"$0\" \"$@\"\n");
  }

  private Path fakeJava(String name, String version, String script) throws IOException {
    Path home = directory.resolve(name);
    Path program = home.resolve("bin/java");
    Files.createDirectories(program.getParent());
    Files.writeString(program, "#!/bin/sh\n" + script);
    assertThat(program.toFile().setExecutable(true)).isTrue();
    Files.writeString(home.resolve("release"), "JAVA_VERSION=\"" + version + "\"\n");
    return home;
  }
}
