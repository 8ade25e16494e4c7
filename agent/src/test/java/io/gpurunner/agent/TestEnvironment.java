package io.gpurunner.agent;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;

/** The environment that {@code make test} sets up for the integration tests. */
final class TestEnvironment {
  private TestEnvironment() {}

  /** Returns an environment variable that dev/with-docker or dev/with-s3 exports. */
  static String require(String variable) {
    String value = System.getenv(variable);
    if (value == null || value.isBlank()) {
      throw new AssertionError(variable + " is not set: run make test");
    }
    return value;
  }

  /** Returns a port on which nobody listens now. */
  static int freePort() {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
