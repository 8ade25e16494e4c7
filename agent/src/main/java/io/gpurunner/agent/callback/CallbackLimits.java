package io.gpurunner.agent.callback;

import java.time.Duration;

/**
 * The limits of one try.
 *
 * @param connect time to connect to one address, with TLS
 * @param response time from the connection to the answer's last header
 * @param drain time to read the rest of the answer, which is not used
 * @param drainBytes how much of the answer is read before the connection is closed
 * @param addresses how many addresses of one host are tried in turn
 */
record CallbackLimits(
    Duration connect, Duration response, Duration drain, long drainBytes, int addresses) {
  static final CallbackLimits DEFAULT =
      new CallbackLimits(
          Duration.ofSeconds(10), Duration.ofSeconds(30), Duration.ofSeconds(5), 65_536, 4);
}
