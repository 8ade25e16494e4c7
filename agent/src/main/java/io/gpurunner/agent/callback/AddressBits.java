package io.gpurunner.agent.callback;

import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Computes on the bytes of addresses. Pure. */
final class AddressBits {
  private static final int IPV4_BYTES = 4;
  private static final int IPV6_BYTES = 16;

  private AddressBits() {}

  /** Returns the number of bits of an address: 32 or 128. */
  static int length(InetAddress address) {
    return address.getAddress().length * 8;
  }

  /** Returns whether two addresses are of one family and agree in their first bits. */
  static boolean samePrefix(InetAddress left, InetAddress right, int prefixBits) {
    byte[] leftBytes = left.getAddress();
    byte[] rightBytes = right.getAddress();
    if (leftBytes.length != rightBytes.length) {
      return false;
    }
    int wholeBytes = prefixBits / 8;
    if (!Arrays.equals(leftBytes, 0, wholeBytes, rightBytes, 0, wholeBytes)) {
      return false;
    }
    int restBits = prefixBits % 8;
    int mask = 0xff << (8 - restBits) & 0xff;
    return restBits == 0 || ((leftBytes[wholeBytes] ^ rightBytes[wholeBytes]) & mask) == 0;
  }

  /**
   * Returns every address at which a packet to this address can end: the address itself, and the
   * IPv4 address that an IPv6 transition mechanism would unpack from it. Java turns the mapped form
   * ({@code ::ffff:a.b.c.d}) into IPv4 itself.
   */
  static List<InetAddress> meanings(InetAddress address) {
    List<InetAddress> meanings = new ArrayList<>();
    meanings.add(bare(address.getAddress()));
    byte[] bytes = address.getAddress();
    if (bytes.length == IPV6_BYTES) {
      embedded(bytes).ifPresent(meanings::add);
    }
    return List.copyOf(meanings);
  }

  private static Optional<InetAddress> embedded(byte[] bytes) {
    InetAddress address = bare(bytes);
    // 6to4 (RFC 3056) carries the IPv4 address behind the prefix, all others at the end.
    if (in(address, "2002::", 16)) {
      return Optional.of(slice(bytes, 2));
    }
    // Teredo (RFC 4380) carries its client's address with every bit flipped.
    if (in(address, "2001::", 32)) {
      byte[] flipped = bytes.clone();
      for (int index = 0; index < flipped.length; index++) {
        flipped[index] = (byte) ~flipped[index];
      }
      return Optional.of(slice(flipped, IPV6_BYTES - IPV4_BYTES));
    }
    boolean compatible =
        in(address, "::", 96) && !address.isLoopbackAddress() && !address.isAnyLocalAddress();
    boolean translated = in(address, "::ffff:0:0:0", 96); // RFC 2765
    boolean nat64 =
        in(address, "64:ff9b::", 96) || in(address, "64:ff9b:1::", 48); // RFC 6052, 8215
    // ISATAP (RFC 5214): 0000:5efe or 0200:5efe in front of the IPv4 address, in any network.
    boolean isatap =
        (bytes[8] & 0xfd) == 0 && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == (byte) 0xfe;
    return compatible || translated || nat64 || isatap
        ? Optional.of(slice(bytes, IPV6_BYTES - IPV4_BYTES))
        : Optional.empty();
  }

  private static boolean in(InetAddress address, String network, int prefixBits) {
    return samePrefix(InetAddress.ofLiteral(network), address, prefixBits);
  }

  private static InetAddress slice(byte[] bytes, int from) {
    return bare(Arrays.copyOfRange(bytes, from, from + IPV4_BYTES));
  }

  /** Returns whether an address is this machine's own, or in a private network. */
  static boolean isNear(InetAddress address) {
    return isOfThisMachine(address)
        || address.isSiteLocalAddress() // 10/8, 172.16/12, 192.168/16 (RFC 1918)
        || in(address, "fc00::", 7) // RFC 4193
        || in(address, "100.64.0.0", 10); // RFC 6598
  }

  /**
   * Returns whether an address is loopback, or one of an interface of this machine. The interfaces
   * are looked at each time, because each network of containers adds an address. An address counts
   * as this machine's own while the interfaces cannot be read.
   */
  static boolean isOfThisMachine(InetAddress address) {
    try {
      return address.isLoopbackAddress() || NetworkInterface.getByInetAddress(address) != null;
    } catch (SocketException unknown) {
      return true;
    }
  }

  /** Returns an address without host name and zone. */
  static InetAddress bare(byte[] bytes) {
    try {
      return InetAddress.getByAddress(bytes);
    } catch (UnknownHostException impossible) {
      throw new IllegalStateException("4 or 16 bytes are an address", impossible);
    }
  }
}
