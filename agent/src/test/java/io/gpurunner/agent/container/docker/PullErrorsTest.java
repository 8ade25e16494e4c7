package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.PullFault;
import io.gpurunner.api.ImageReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests with messages of Docker 20.10 to 28. */
final class PullErrorsTest {
  private static final ImageReference IMAGE = ImageReference.of("registry.lab:5000/team/trainer:1");

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "manifest for registry.lab:5000/team/trainer:1 not found: manifest unknown|NOT_FOUND",
        "pull access denied for team/trainer, repository does not exist or may require"
            + " 'docker login'|NOT_FOUND",
        "no matching manifest for linux/amd64 in the manifest list entries|NOT_FITTING",
        "toomanyrequests: You have reached your pull rate limit|TOO_MANY",
        "Get \"https://r.lab/v2/\": dial tcp: lookup r.lab: no such host|NOT_REACHED",
        "Get \"https://r.lab/v2/\": dial tcp 10.0.0.9:443: connect: connection refused|NOT_REACHED",
        "Get \"https://r.lab/v2/\": net/http: TLS handshake timeout|NO_ANSWER",
        "Get \"https://r.lab/v2/\": context deadline exceeded|NO_ANSWER",
        "Get \"https://r.lab/v2/\": x509: certificate signed by unknown authority|NOT_REACHED",
        "received unexpected HTTP status: 500 Internal Server Error|NOT_REACHED",
        "SSH-2.0-OpenSSH_9.2p1 Debian|NOT_REACHED",
        "failed to register layer: Error processing tar file(exit status 1): write /a: no space"
            + " left on device|NO_ROOM",
        "write /var/lib/docker/tmp/GetImageBlob12: no space left on device|NO_ROOM",
        "failed to extract layer sha256:ab: write /a: no space left on device: unknown|NO_ROOM",
      })
  void whatTheEngineSaysIsClassified(String message, PullFault fault) {
    assertThat(PullErrors.faultOf(message)).isEqualTo(fault);
  }

  /**
   * Without a room for images no job is started on this machine. A registry's text stands behind
   * words of the engine, and the names of an image's files stand before the error.
   */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "unknown: write /a: no space left on device",
        "error parsing HTTP 500 response body: write /a: no space left on device",
        "failed to register layer: mkdir /no space left on device: file exists",
        "failed to register layer: open /a: no space left on device/b: not a directory",
      })
  void neitherARegistryNorAnImageCanSayThatTheDiskIsFull(String message) {
    assertThat(PullErrors.faultOf(message)).isNotEqualTo(PullFault.NO_ROOM);
  }

  @Test
  void theTextIsInTheMessageForTheLogAndNotInTheWords() {
    ContainerException failure = PullErrors.of(IMAGE, "denied: the answer of a server", null);
    assertThat(failure).hasMessageContaining("the answer of a server");
    assertThat(failure.words()).isEqualTo(PullFault.NOT_FOUND.words());
  }

  /** The messages are those of Docker 20.10 and 28 for such registries. */
  @Test
  void aRegistrysTlsIsExplained() {
    assertThat(
            PullErrors.advice(
                IMAGE,
                "Get \"https://registry.lab:5000/v2/\": tls: failed to verify certificate: x509:"
                    + " certificate signed by unknown authority"))
        .contains("/etc/docker/certs.d/registry.lab:5000/ca.crt");
    assertThat(
            PullErrors.advice(
                IMAGE,
                "Get \"https://registry.lab:5000/v2/\": http: server gave HTTP response to HTTPS"
                    + " client"))
        .contains("name registry.lab:5000 in the insecure-registries");
    assertThat(PullErrors.advice(IMAGE, "manifest unknown")).isEmpty();
  }
}
