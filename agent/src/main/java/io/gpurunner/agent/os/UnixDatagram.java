package io.gpurunner.agent.os;

import com.sun.jna.LastErrorException;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.nio.charset.StandardCharsets;

/** Sends datagrams to Unix sockets, which Java has only as streams. */
final class UnixDatagram {
  // linux/socket.h, asm-generic/socket.h, unix(7); the same on every architecture but MIPS.
  private static final int AF_UNIX = 1;
  private static final int SOCK_DGRAM = 2;
  private static final int SOCK_CLOEXEC = 0x80000;
  private static final int MSG_DONTWAIT = 0x40;
  private static final int MSG_NOSIGNAL = 0x4000;
  private static final int FAMILY_BYTES = 2;
  private static final int MAX_PATH_BYTES = 107;

  private UnixDatagram() {}

  /**
   * Sends without waiting for the receiver.
   *
   * @param address an absolute path, or {@code @} and the name of an abstract socket
   * @throws LastErrorException with errno
   * @throws IllegalArgumentException for an address that is too long
   */
  static void send(String address, byte[] message) {
    byte[] path = address.getBytes(StandardCharsets.UTF_8);
    if (path.length > MAX_PATH_BYTES) {
      throw new IllegalArgumentException("a socket's path has at most 107 bytes: " + address);
    }
    if (path[0] == '@') {
      path[0] = 0;
    }
    try (Memory target = new Memory(FAMILY_BYTES + path.length)) {
      target.setShort(0, (short) AF_UNIX);
      target.write(FAMILY_BYTES, path, 0, path.length);
      int socket = LibC.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      try {
        int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
        LibC.sendto(socket, message, message.length, flags, target, (int) target.size());
      } finally {
        LibC.close(socket);
      }
    }
  }

  /** Raw mapping; loaded at the first call, so that nothing native happens without systemd. */
  private static final class LibC {
    static {
      Native.register(LibC.class, "c");
    }

    private LibC() {}

    static native int socket(int domain, int type, int protocol) throws LastErrorException;

    // size_t and ssize_t are 64 bits wide on every machine this runs on.
    static native long sendto(
        int socket, byte[] message, long length, int flags, Pointer address, int addressLength)
        throws LastErrorException;

    static native int close(int socket) throws LastErrorException;
  }
}
