package io.gpurunner.api;

import io.vertx.core.net.SocketAddress;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.util.HexFormat;

/** Tells from which network a connection comes, so that its connections can be counted. */
final class ClientNetwork {
  /** One client of IPv6 usually has 2^64 addresses: all that share so many bytes. */
  private static final int IPV6_NETWORK_BYTES = 8;

  private ClientNetwork() {}

  /** Returns the address of an IPv4 client, and the /64 network of an IPv6 client. */
  static String of(SocketAddress client) {
    String host = client.hostAddress();
    if (host == null || host.indexOf(':') < 0) {
      return String.valueOf(host);
    }
    InetAddress address = InetAddress.ofLiteral(host);
    return address instanceof Inet6Address
        ? HexFormat.of().formatHex(address.getAddress(), 0, IPV6_NETWORK_BYTES)
        : address.getHostAddress();
  }
}
