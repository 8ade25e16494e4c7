package io.gpurunner.systemd;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs {@code make install} and {@code make uninstall} in a directory, with a made-up tree. */
final class InstallTest {
  /**
   * The highest score of {@code systemd-analyze security}, in tenths: 100 is no protection at all.
   */
  private static final int HIGHEST_EXPOSURE_TENTHS = 35;

  private static final String UNIT = "usr/local/lib/systemd/system/gpurunner.service";

  /** What `gpurunner generate-docs` writes, below the tree and below the prefix. */
  private static final List<String> DOCS =
      List.of(
          "share/bash-completion/completions/gpurunner",
          "share/zsh/site-functions/_gpurunner",
          "share/fish/vendor_completions.d/gpurunner.fish",
          "share/man/man1/gpurunner.1",
          "share/man/man1/gpurunner-submit.1");

  private static final String CONFIGURATION = "etc/gpurunner/gpurunner.yaml";

  @TempDir private Path directory;
  private Path destination;
  private Path tree;

  @BeforeEach
  void makeTree() throws IOException {
    destination = directory.resolve("destination");
    tree = directory.resolve("tree");
    Path launcher = tree.resolve("bin/gpurunner");
    Files.createDirectories(launcher.getParent());
    Files.createDirectories(tree.resolve("lib"));
    Files.writeString(launcher, "#!/bin/sh\necho launched\n");
    assertThat(launcher.toFile().setExecutable(true)).isTrue();
    Files.writeString(tree.resolve("lib/agent.jar"), "");
    for (String file : DOCS) {
      Files.createDirectories(tree.resolve(file).getParent());
      Files.writeString(tree.resolve(file), "");
      // The launcher, which writes them, gives them to their owner only.
      Files.setPosixFilePermissions(
          tree.resolve(file), PosixFilePermissions.fromString("rw-------"));
    }
  }

  @Test
  void installsExactlyThis() throws Exception {
    make("install");

    assertThat(files())
        .containsExactlyInAnyOrder(
            CONFIGURATION,
            UNIT,
            "usr/local/lib/systemd/system/gpurunner-gpu-nodes.service",
            "usr/local/bin/gpurunner",
            "usr/local/lib/gpurunner/bin/gpurunner",
            "usr/local/lib/gpurunner/lib/agent.jar",
            "usr/local/lib/sysusers.d/gpurunner.conf",
            "usr/local/lib/tmpfiles.d/gpurunner.conf",
            "usr/local/share/gpurunner/LICENSE",
            "usr/local/share/gpurunner/gpurunner.yaml",
            "usr/local/share/bash-completion/completions/gpurunner",
            "usr/local/share/zsh/site-functions/_gpurunner",
            "usr/local/share/fish/vendor_completions.d/gpurunner.fish",
            "usr/local/share/man/man1/gpurunner.1",
            "usr/local/share/man/man1/gpurunner-submit.1");
    for (String file : DOCS) {
      assertThat(Files.getPosixFilePermissions(destination.resolve("usr/local").resolve(file)))
          .isEqualTo(PosixFilePermissions.fromString("rw-r--r--"));
    }
    assertThat(Shell.run(destination.resolve("usr/local/bin/gpurunner").toString()).output())
        .isEqualTo("launched\n");
  }

  @Test
  void aTreeWithoutPagesIsInstalledToo() throws Exception {
    for (String file : DOCS) {
      Files.delete(tree.resolve(file));
    }
    make("install");

    assertThat(destination.resolve("usr/local/share/gpurunner/LICENSE")).exists();
    assertThat(destination.resolve("usr/local/share/man/man1/gpurunner.1")).doesNotExist();
  }

  @Test
  void uninstallsAllOfIt() throws Exception {
    make("install");
    make("uninstall");

    assertThat(files()).isEmpty();
    assertThat(destination.resolve("etc/gpurunner")).doesNotExist();
  }

  @Test
  void keepsAChangedConfigurationAndTheState() throws Exception {
    make("install");
    Files.writeString(destination.resolve(CONFIGURATION), "http: { port: 9000 }\n");
    Path ledger = destination.resolve("var/lib/gpurunner/ledger");
    Files.createDirectories(ledger.getParent());
    Files.writeString(ledger, "jobs");

    make("install");
    assertThat(destination.resolve(CONFIGURATION)).hasContent("http: { port: 9000 }");

    Shell.Outcome uninstalled = make("uninstall");
    assertThat(files()).containsExactlyInAnyOrder(CONFIGURATION, "var/lib/gpurunner/ledger");
    assertThat(uninstalled.output()).contains("kept, since it was changed", CONFIGURATION);
  }

  @Test
  void replacesTheLibrariesOfAnOlderVersion() throws Exception {
    make("install");
    Path old = destination.resolve("usr/local/lib/gpurunner/lib/removed-since.jar");
    Files.writeString(old, "");

    make("install");

    assertThat(old).doesNotExist();
  }

  @Test
  void unitFollowsThePrefix() throws Exception {
    make("install", "PREFIX=/usr", "SYSCONFDIR=/usr/etc");

    assertThat(destination.resolve("usr/lib/systemd/system/gpurunner.service"))
        .content()
        .contains(
            "ExecStart=/usr/lib/gpurunner/bin/gpurunner serve --config"
                + " /usr/etc/gpurunner/gpurunner.yaml");
  }

  @Test
  void systemdTakesTheUnit() throws Exception {
    make("install");
    // The unit names a path of the machine, and systemd checks that its program exists.
    Path unit = directory.resolve("gpurunner.service");
    Files.writeString(
        unit,
        Files.readString(destination.resolve(UNIT))
            .replace("ExecStart=/usr/local", "ExecStart=" + destination + "/usr/local"));
    Path nodes = destination.resolve(UNIT).resolveSibling("gpurunner-gpu-nodes.service");

    Shell.Outcome verified =
        Shell.run(
                "systemd-analyze",
                "verify",
                "--man=no",
                "--recursive-errors=no",
                unit.toString(),
                nodes.toString())
            .succeeded();

    assertThat(verified.output()).isEmpty();
  }

  /** What runs before the agent, with a tool in place of NVIDIA's. */
  @Test
  void theUnitMakesTheNodesOfTheGpusOnlyWhereNvidiasToolIs() throws Exception {
    String unit = Files.readString(Path.of("gpurunner-gpu-nodes.service"));
    Matcher line = Pattern.compile("ExecStart=/bin/sh -c '(.*?)'", Pattern.DOTALL).matcher(unit);
    assertThat(line.find()).isTrue();
    String script = line.group(1).replace("\\\n", " ").replace("$$", "$");
    Path gpus = Files.createDirectories(directory.resolve("gpus"));
    for (int minor : new int[] {0, 3}) {
      Path gpu = Files.createDirectories(gpus.resolve("0000:0" + minor + ":00.0"));
      Files.writeString(
          gpu.resolve("information"), "Model: \t NVIDIA L40S\nDevice Minor: \t " + minor + "\n");
    }
    script = script.replace("/proc/driver/nvidia/gpus", gpus.toString());

    Shell.run("/bin/sh", "-c", script).succeeded();

    Path tools = Files.createDirectories(directory.resolve("tools"));
    Path calls = directory.resolve("calls");
    Path tool = tools.resolve("nvidia-modprobe");
    Files.writeString(tool, "#!/bin/sh\necho \"$@\" >>" + calls + "\n");
    Files.setPosixFilePermissions(tool, PosixFilePermissions.fromString("rwxr-xr-x"));
    Shell.run("/bin/sh", "-c", "PATH=" + tools + ":$PATH; " + script).succeeded();
    assertThat(calls).content().isEqualTo("-c 255\n-c 0\n-c 3\n-u -c 0\n");
  }

  @Test
  void systemdWaitsLongerForTheStopThanTheAgentItself() throws Exception {
    Path serve = Path.of("../agent/src/main/java/io/gpurunner/agent/Serve.java");
    int agentSeconds =
        seconds(Files.readString(serve), "CLOSE_LIMIT = Duration\\.ofSeconds\\(([0-9]+)\\)");
    int unitSeconds =
        seconds(Files.readString(Path.of("gpurunner.service")), "TimeoutStopSec=([0-9]+)s");

    assertThat(unitSeconds).isGreaterThan(agentSeconds);
  }

  private static int seconds(String text, String form) {
    Matcher matcher = Pattern.compile(form).matcher(text);
    assertThat(matcher.find()).isTrue();
    return Integer.parseInt(matcher.group(1));
  }

  @Test
  void unitIsHardened() throws Exception {
    make("install");

    Shell.run(
            "systemd-analyze",
            "security",
            "--no-pager",
            "--offline=true",
            "--threshold=" + HIGHEST_EXPOSURE_TENTHS,
            destination.resolve(UNIT).toString())
        .succeeded();
  }

  @Test
  void systemdTakesTheGroupAndTheDirectories() throws Exception {
    make("install");
    Path root = directory.resolve("root");
    Files.createDirectories(root.resolve("etc"));
    Path configurations = destination.resolve("usr/local/lib");

    Shell.run(
            "systemd-sysusers",
            "--root=" + root,
            configurations.resolve("sysusers.d/gpurunner.conf").toString())
        .succeeded();
    assertThat(root.resolve("etc/group")).content().contains("gpurunner:");
    assertThat(root.resolve("etc/passwd")).doesNotExist();

    Shell.Outcome created =
        Shell.run(
                "systemd-tmpfiles",
                "--create",
                "--root=" + root,
                configurations.resolve("tmpfiles.d/gpurunner.conf").toString())
            .succeeded();
    assertThat(created.output()).isEmpty();
    assertThat(root.resolve("srv/gpurunner/datasets")).isDirectory();
    assertThat(root.resolve("srv/gpurunner/models")).isDirectory();
  }

  private Shell.Outcome make(String target, String... variables)
      throws IOException, InterruptedException {
    String[] command =
        Stream.concat(
                Stream.of("make", "-s", target, "DESTDIR=" + destination, "TREE=" + tree),
                Stream.of(variables))
            .toArray(String[]::new);
    return Shell.run(command).succeeded();
  }

  /** Returns the paths below the destination of everything that is not a directory. */
  private Set<String> files() throws IOException {
    try (Stream<Path> all = Files.walk(destination)) {
      Set<String> files = new TreeSet<>();
      all.filter(path -> !Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS))
          .forEach(path -> files.add(destination.relativize(path).toString()));
      return files;
    }
  }
}
