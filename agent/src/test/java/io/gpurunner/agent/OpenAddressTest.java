package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.config.HttpConfig;
import io.gpurunner.agent.config.HttpConfig.TlsConfig;
import java.net.URI;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class OpenAddressTest {
  private static HttpConfig http(String host, Optional<TlsConfig> tls) {
    return new HttpConfig(host, 8080, URI.create("http://gpu.example:8080"), tls);
  }

  @ParameterizedTest
  @ValueSource(strings = {"0.0.0.0", "::", "192.0.2.7"})
  void anAddressForOthersWithoutTlsIsWarnedOf(String host) {
    assertThat(OpenAddress.warnings(http(host, Optional.empty())))
        .singleElement()
        .asString()
        .startsWith("http.host is " + host + " and http.tls is not set")
        .contains("set http.tls");
    TlsConfig tls = new TlsConfig(Path.of("/tls.crt"), Path.of("/tls.key"));
    assertThat(OpenAddress.warnings(http(host, Optional.of(tls)))).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1", "::1", "127.3.4.5", "localhost"})
  void loopbackIsNot(String host) {
    assertThat(OpenAddress.warnings(http(host, Optional.empty()))).isEmpty();
  }
}
