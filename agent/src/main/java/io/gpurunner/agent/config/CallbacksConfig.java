package io.gpurunner.agent.config;

import io.gpurunner.agent.callback.AddressPattern;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The receivers that callbacks may reach, and how long delivery is tried.
 *
 * @param retryFor time from the first try to the last
 * @param allow loopback receivers that may be called
 * @param deny receivers that may not be called; counts before {@code allow}
 * @param proxy the HTTP proxy to receivers outside the machine and its private networks
 */
public record CallbacksConfig(
    Duration retryFor, List<AddressPattern> allow, List<AddressPattern> deny, Optional<URI> proxy) {
  public CallbacksConfig {
    allow = List.copyOf(allow);
    deny = List.copyOf(deny);
  }

  static CallbacksConfig read(Section section) {
    return new CallbacksConfig(
        section.value(
            "retry-for",
            Duration.ofDays(3),
            ValueForms.duration(Duration.ZERO, Duration.ofDays(30))),
        section.list("allow", ValueForms.ADDRESS_PATTERN),
        section.list("deny", ValueForms.ADDRESS_PATTERN),
        section.optional("proxy", ValueForms.PROXY));
  }
}
