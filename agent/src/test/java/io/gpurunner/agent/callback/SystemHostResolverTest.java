package io.gpurunner.agent.callback;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import java.net.UnknownHostException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SystemHostResolverTest {
  /** A resolver that is closed looks up nothing any more. */
  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1", "::1", "2001:db8::7", "198.51.100.7"})
  void anAddressNeedsNoLookup(String literal) throws UnknownHostException {
    SystemHostResolver resolver = new SystemHostResolver();
    resolver.close();
    assertThat(resolver.resolve(literal)).containsExactly(InetAddress.ofLiteral(literal));
  }

  @ParameterizedTest
  @ValueSource(strings = {"no-such-host.invalid", "7.no-such-host.invalid", "1.2.3.4.5"})
  void aNameThatIsNotThereIsUnknown(String name) {
    try (SystemHostResolver resolver = new SystemHostResolver()) {
      assertThatThrownBy(() -> resolver.resolve(name))
          .isInstanceOf(UnknownHostException.class)
          .hasMessageStartingWith("the host " + name + " does not resolve: ");
    }
  }

  @Test
  void namesOfTheMachineAreKnown() throws UnknownHostException {
    try (SystemHostResolver resolver = new SystemHostResolver()) {
      assertThat(resolver.resolve("localhost")).anyMatch(InetAddress::isLoopbackAddress);
    }
  }
}
