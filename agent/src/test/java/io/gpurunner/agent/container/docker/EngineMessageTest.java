package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.docker.EngineMessage.Side;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests whose fault a message of the engine says that a failed start is. */
final class EngineMessageTest {
  private static final Pattern ROW = Pattern.compile("\\| `([^`]+)` \\| ([^|]+) \\| ([^|]+) \\|");

  private static final Map<String, Side> SIDES =
      Map.of("the job", Side.JOB, "the machine", Side.MACHINE, "the GPUs", Side.GPUS);

  @Test
  void theTableForAdministratorsIsTheTableOfTheCode() throws IOException {
    try (Stream<String> lines = Files.lines(Path.of("../docs/engine-messages.md"))) {
      List<EngineMessage> told =
          lines
              .map(ROW::matcher)
              .filter(row -> row.matches())
              .map(row -> new EngineMessage(row.group(1), side(row.group(2).strip())))
              .toList();
      assertThat(told).isEqualTo(EngineMessage.ALL);
    }
  }

  private static Side side(String words) {
    return Objects.requireNonNull(SIDES.get(words), words);
  }

  /** A text that contains an earlier one would never decide. */
  @Test
  void everyTextCanDecide() {
    for (EngineMessage message : EngineMessage.ALL) {
      assertThat(EngineMessage.in("x " + message.text() + " y")).contains(message);
    }
  }

  /** Messages as moby, containerd, runc and NVIDIA's tools write them. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container"
            + " process: error during container init: error mounting \"/a\" to rootfs at \"/data\": mount"
            + " /a:/data (via /proc/self/fd/6), flags: 0x5000: not a directory: unknown | JOB",
        "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create"
            + " failed: unable to start container process: error during container init: error mounting"
            + " \"/no/such/libcuda.so.535.1\" to rootfs at \"/usr/lib/libcuda.so.535.1\": stat"
            + " /no/such/libcuda.so.535.1: no such file or directory: unknown | GPUS",
        "unable to find user bob: no matching entries in passwd file | JOB",
        "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container"
            + " process: error during container init: error running hook #0: error running hook: exit status 1,"
            + " stderr: nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.4 | JOB",
        "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container"
            + " process: error during container init: error running hook #0: error running hook: exit status 1,"
            + " stderr: nvidia-container-cli: initialization error: nvml error: driver/library version"
            + " mismatch: unknown | GPUS",
        "could not select device driver \"nvidia\" with capabilities: [[gpu]] | GPUS",
        "CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=GPU-1 | GPUS",
        "error creating overlay mount to /var/lib/docker/overlay2/x/merged: no such file or directory | MACHINE",
        "failed to create endpoint x on network bridge: adding interface veth1 to bridge docker0 failed: could"
            + " not find bridge docker0: route ip+net: no such network interface | MACHINE",
        "failed to create task for container: failed to create shim task: OCI runtime create failed: unable to"
            + " retrieve OCI runtime error (open /run/x/log.json: no such file or directory): exec: \"runc\":"
            + " executable file not found in $PATH: unknown | MACHINE",
        "write /var/lib/docker/containers/x/.tmp-config.v2.json: no space left on device | MACHINE",
        "mkdir /var/lib/docker/overlay2/x: read-only file system | MACHINE",
        "invalid mount config for type \"bind\": bind source path does not exist: /srv/x | MACHINE"
      })
  void realMessagesAreUnderstood(String words, Side side) {
    assertThat(EngineMessage.in(words).map(EngineMessage::side)).contains(side);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "invalid mount path: \"no space left on device\"",
        "invalid mount path: '/no space left on device' mount path must be absolute",
        "the path \"a \\\" no space left on device\" is odd",
        "something that nobody has seen"
      })
  void whatIsQuotedDoesNotCount(String words) {
    assertThat(EngineMessage.in(words)).isEqualTo(Optional.empty());
  }
}
