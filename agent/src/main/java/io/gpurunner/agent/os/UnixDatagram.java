package io.gpurunner.agent.os;

import com.sun.jna.LastErrorException;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/** Sends datagrams to Unix sockets, for which Java itself has only streams. */
final class UnixDatagram {
  // linux/socket.h, asm-generic/socket.h, unix(7); the same on every architecture but MIPS.
  private static final int AF_UNIX = 1;
  private static final int SOCK_DGRAM = 2;
  private static final int SOCK_CLOEXEC = 0x80000;
  private static final int MSG_DONTWAIT = 0x40;
  private static final int MSG_NOSIGNAL = 0x4000;
  private static final int SOL_SOCKET = 1;
  private static final int SO_SNDTIMEO = 21;
  private static final int EINTR = 4;
  private static final int FAMILY_BYTES = 2;

  /** The size of {@code struct timeval}, two longs. */
  private static final int TIMEVAL_BYTES = 16;

  private static final int MAX_PATH_BYTES = 107;

  private UnixDatagram() {}

  /**
   * Sends a datagram. If the receiver's queue is full, it waits for room.
   *
   * @param address an absolute path, or {@code @} and the name of an abstract socket
   * @param limit how long to wait; zero means not at all
   * @throws LastErrorException with errno: EAGAIN if the queue was full for that long
   * @throws IllegalArgumentException for an address that is too long
   */
  static void send(String address, byte[] message, Duration limit) {
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
        sendWithin(limit, socket, message, target);
      } finally {
        LibC.close(socket);
      }
    }
  }

  private static void sendWithin(Duration limit, int socket, byte[] message, Memory target) {
    long endNanos = System.nanoTime() + limit.toNanos();
    while (true) {
      long leftNanos = endNanos - System.nanoTime();
      int flags = MSG_NOSIGNAL;
      if (leftNanos > 0) {
        waitAtMost(Duration.ofNanos(leftNanos), socket);
      } else {
        flags |= MSG_DONTWAIT;
      }
      try {
        LibC.sendto(socket, message, message.length, flags, target, (int) target.size());
        return;
      } catch (LastErrorException failure) {
        if (failure.getErrorCode() != EINTR) {
          throw failure;
        }
      }
    }
  }

  private static void waitAtMost(Duration limit, int socket) {
    try (Memory timeval = new Memory(TIMEVAL_BYTES)) {
      timeval.setLong(0, limit.toSeconds());
      // The value is at least 1, because zero means for ever.
      timeval.setLong(Long.BYTES, Math.max(1, limit.toNanosPart() / 1_000));
      LibC.setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, timeval, TIMEVAL_BYTES);
    }
  }

  /** The raw mapping. It is loaded at the first call, so nothing native happens without systemd. */
  private static final class LibC {
    static {
      Native.register(LibC.class, "c");
    }

    private LibC() {}

    static native int socket(int domain, int type, int protocol) throws LastErrorException;

    static native int setsockopt(int socket, int level, int name, Pointer value, int length)
        throws LastErrorException;

    // size_t and ssize_t have 64 bits on every machine that the agent runs on.
    static native long sendto(
        int socket, byte[] message, long length, int flags, Pointer address, int addressLength)
        throws LastErrorException;

    static native int close(int socket) throws LastErrorException;
  }
}
