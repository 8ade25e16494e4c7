package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests what is read of the engine's capabilities. */
final class EngineProcessTest {
  /** The first mask has all 41 capabilities of Linux 6; the others lack some. */
  @ParameterizedTest
  @CsvSource({
    "000001ffffffffff, true",
    "0000000001000000, true",
    "000001fffeffffff, false",
    "0000000000000000, false"
  })
  void theCapabilityToRaiseLimitsIsRead(String mask, boolean has) throws IOException {
    String status =
        "Name:\tdockerd\nCapPrm:\tffffffffffffffff\nCapEff:\t"
            + mask
            + "\nCapBnd:\t0000000000000000\n";
    assertThat(EngineProcess.hasSysResource(status)).isEqualTo(has);
  }

  @Test
  void aStatusWithoutCapabilitiesIsAnError() {
    assertThatThrownBy(() -> EngineProcess.hasSysResource("Name:\tdockerd\n"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("CapEff");
  }
}
