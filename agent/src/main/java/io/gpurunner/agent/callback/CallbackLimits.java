package io.gpurunner.agent.callback;

import java.time.Duration;

/**
 * What one try may cost.
 *
 * @param connect to be connected to one address, TLS included
 * @param response from connected to the answer's last header
 * @param drain to read what is left of the answer, which nobody needs
 * @param drainBytes of the answer that are read before the connection is closed on it
 * @param addresses of one host that are tried in turn
 */
record CallbackLimits(
    Duration connect, Duration response, Duration drain, long drainBytes, int addresses) {
  static final CallbackLimits DEFAULT =
      new CallbackLimits(
          Duration.ofSeconds(10), Duration.ofSeconds(30), Duration.ofSeconds(5), 65_536, 4);
}
