package io.gpurunner.agent.callback;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;

/** Port: resolves names to addresses. Blocks for a bounded time; thread-safe. */
@FunctionalInterface
public interface HostResolver {
  /**
   * @param host a name, or an address literal without brackets
   * @return at least one address
   * @throws UnknownHostException with a message for people that names the host
   */
  List<InetAddress> resolve(String host) throws UnknownHostException;
}
