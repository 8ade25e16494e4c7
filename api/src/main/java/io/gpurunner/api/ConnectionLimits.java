package io.gpurunner.api;

import java.time.Duration;

/**
 * The limits of a server's connections. Immutable.
 *
 * @param all the number of connections open at a time
 * @param ofUsers the number of them on which requests of users were accepted; the others are for
 *     clients without a token, so that health is answered however many connections users have
 * @param ofAUser the number of connections of one user
 * @param strangersOfAnAddress the number of connections from one address on which no user's request
 *     was accepted yet
 * @param firstRequest the time from the start of a connection until the head of its first request
 *     has arrived
 * @param nextRequest the time from an answer until the head of the next request has arrived
 */
record ConnectionLimits(
    int all,
    int ofUsers,
    int ofAUser,
    int strangersOfAnAddress,
    Duration firstRequest,
    Duration nextRequest) {
  /** One of so many places is only for clients without a token. */
  private static final int STRANGERS_PART = 8;

  /** One user gets one of so many places at most. */
  private static final int USER_PART = 4;

  /** Clients without a token get one of so many places at most, from one address. */
  private static final int ADDRESS_PART = 16;

  /** The number of connections that a user and an address may have where all are few. */
  private static final int LEAST = 64;

  /** Returns the limits of a server, whose waits say how many connections there are. */
  static ConnectionLimits of(ApiSettings.Waits waits) {
    int all = waits.connections();
    return new ConnectionLimits(
        all,
        all - all / STRANGERS_PART,
        Math.max(Math.min(LEAST, all), all / USER_PART),
        Math.max(Math.min(LEAST, all), all / ADDRESS_PART),
        waits.firstRequest(),
        waits.nextRequest());
  }
}
