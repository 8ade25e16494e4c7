package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;

/** A network bridge for an engine of a test's own. Needs root and {@code ip}. */
final class TestBridge {
  private final String name = "gpre" + ThreadLocalRandom.current().nextInt(1_000_000);

  TestBridge() throws Exception {
    int subnet = ThreadLocalRandom.current().nextInt(256);
    ip("link", "add", name, "type", "bridge");
    ip("addr", "add", "10.214." + subnet + ".1/24", "dev", name);
    ip("link", "set", name, "up");
  }

  String name() {
    return name;
  }

  private static void ip(String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("ip"));
    command.addAll(List.of(arguments));
    assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
  }

  void delete() throws Exception {
    ip("link", "delete", name);
  }
}
