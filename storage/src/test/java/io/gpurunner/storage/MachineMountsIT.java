package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Volumes of an agent that runs as under its unit: in a mount namespace of its own, where
 * everything except the state directory is read-only. This process plays the machine. Needs root.
 */
class MachineMountsIT {
  /** The capabilities that the unit leaves to root (CapabilityBoundingSet). */
  private static final String POWERS =
      "-all,+chown,+fowner,+dac_override,+sys_admin,+sys_chroot,+sys_ptrace,+net_bind_service";

  @TempDir Path directory;
  private Path jobs = Path.of("/nowhere");

  @BeforeEach
  void share() throws Exception {
    // Mounts are shared between namespaces, as on every machine that systemd started.
    HostileTree.shell(directory, "mount --bind . . && mount --make-shared \"$PWD\"");
    jobs =
        Files.createDirectory(
            directory.resolve("jobs"),
            PosixFilePermissions.asFileAttribute(DurableFiles.OWNER_ONLY));
  }

  @AfterEach
  void unmount() throws Exception {
    new DirectoryJobVolumes(jobs, 0, new LoopImages(new MachineMounts()))
        .delete(JobVolumesContract.JOB);
    HostileTree.shell(Path.of("/"), "umount '" + directory + "'");
  }

  private String elsewhere(String propagation, String action)
      throws IOException, InterruptedException {
    List<String> words =
        new ArrayList<>(
            List.of("unshare", "--mount", "--propagation", propagation, "/bin/sh", "-ec"));
    words.add(
        "mount --rbind \"$1\" \"$1\"; mount -o remount,bind,ro \"$2\"; shift 2;"
            + " exec setpriv --no-new-privs --bounding-set "
            + POWERS
            + " \"$@\"");
    words.addAll(List.of("sh", jobs.toString(), directory.toString()));
    words.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    words.addAll(List.of("-cp", System.getProperty("java.class.path")));
    words.add(VolumesElsewhere.class.getName());
    words.addAll(List.of(jobs.toString(), "/proc/" + ProcessHandle.current().pid(), action));
    return HostileTree.run(directory, words);
  }

  private List<String> mountsOfTheMachine() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/mountinfo")).stream()
        .filter(line -> line.contains(jobs.toString()))
        .toList();
  }

  @Test
  void mountsAndUnmountsForTheWholeMachine() throws Exception {
    elsewhere("slave", "prepare");

    assertThat(mountsOfTheMachine()).hasSize(2).allMatch(line -> line.contains("nosuid,nodev"));
    assertThat(jobs.resolve("ai1/checkpoint/epoch")).hasContent("1");

    elsewhere("slave", "prepare");
    assertThat(mountsOfTheMachine()).hasSize(2);

    elsewhere("slave", "delete");
    assertThat(mountsOfTheMachine()).isEmpty();
    assertThat(jobs).isEmptyDirectory();
  }

  @Test
  void saysWhenTheAgentDoesNotSeeItsOwnMounts() throws Exception {
    assertThatThrownBy(() -> elsewhere("private", "prepare"))
        .hasMessageContainingAll("ai1/checkpoint", "does not see it", "MountFlags");

    assertThat(mountsOfTheMachine()).isEmpty();
    assertThat(jobs).isEmptyDirectory();
  }
}
