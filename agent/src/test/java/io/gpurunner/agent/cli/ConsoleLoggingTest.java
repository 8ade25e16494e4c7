package io.gpurunner.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.slf4j.Logger;

@Isolated // standard error is the process's
class ConsoleLoggingTest {
  @Test
  void anEventIsOneLineWhateverItsMessageHolds() {
    String[] lines = logged("io.gpurunner.agent.run.Dispatcher", "用 \u001b[31mred\nnext\r\tend");
    assertThat(lines).hasSize(2);
    assertThat(lines[0]).endsWith("INFO  Dispatcher: 用 ?[31mred?next?\tend");
    assertThat(lines[1]).endsWith("WARN  Dispatcher: at warn");
  }

  @Test
  void whatALibraryTellsOfRequestsIsNotLogged() {
    assertThat(logged("com.github.dockerjava.core.Exec", "{\"Env\":[\"TOKEN=secret\"]}"))
        .singleElement()
        .asString()
        .endsWith("WARN  Exec: at warn");
  }

  /** Logs the message at INFO, and a line at WARN and at DEBUG; returns the lines. */
  private static String[] logged(String logger, String message) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream before = System.err;
    System.setErr(new PrintStream(bytes, true, StandardCharsets.UTF_8));
    try {
      ConsoleLogging logging = new ConsoleLogging();
      logging.initialize();
      Logger log = logging.getLoggerFactory().getLogger(logger);
      log.info("{}", message);
      log.warn("at warn");
      log.debug("at debug");
    } finally {
      System.setErr(before);
    }
    return bytes.toString(StandardCharsets.UTF_8).split("\n");
  }
}
