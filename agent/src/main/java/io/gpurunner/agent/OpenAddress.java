package io.gpurunner.agent;

import io.gpurunner.agent.config.HttpConfig;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;

/** Warns where other machines reach the API, and nothing between is encrypted. Stateless. */
final class OpenAddress {
  private OpenAddress() {}

  /** Returns one warning, or none. */
  static List<String> warnings(HttpConfig http) {
    return http.tls().isPresent() || isLoopback(http.host())
        ? List.of()
        : List.of(
            "http.host is "
                + http.host()
                + " and http.tls is not set: each token crosses the network in the clear, and who"
                + " reads it can act as its user; set http.tls, or listen on 127.0.0.1 behind a"
                + " proxy that speaks TLS");
  }

  private static boolean isLoopback(String host) {
    try {
      return InetAddress.getByName(host).isLoopbackAddress();
    } catch (UnknownHostException unknown) {
      return true; // the start fails, and says so
    }
  }
}
