package io.gpurunner.agent.config;

import java.util.Optional;

/**
 * The metrics, and an address that has them alone. The API has them too, for admins.
 *
 * @param host address or name to listen on
 * @param port 1 to 65535; empty if the metrics have no address of their own
 * @param dcgmNames whether the GPUs are also exported under the names of NVIDIA's dcgm-exporter
 */
public record MetricsConfig(String host, Optional<Integer> port, boolean dcgmNames) {
  static MetricsConfig read(Section section, HttpConfig http) {
    String host = section.value("host", "127.0.0.1", ValueForms.HOST_NAME);
    Optional<Integer> port = section.optional("port", ValueForms.wholeNumber(1, 65_535));
    if (host.equals(http.host()) && port.equals(Optional.of(http.port()))) {
      section.error(
          "port",
          "is that of the API (http.port); give another port, or none: admins get the"
              + " metrics from the API too");
    }
    return new MetricsConfig(host, port, section.value("dcgm-names", false, ValueForms.BOOLEAN));
  }
}
