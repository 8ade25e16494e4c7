package io.gpurunner.gpu;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The names of this machine's users. A name service of the network may hang, so names are asked for
 * on a thread of their own, and until one has come its number stands for it. Thread-safe.
 */
final class UserNames implements AutoCloseable {
  /**
   * The largest number of names that are remembered. Beyond it, all are forgotten and asked for
   * again.
   */
  private static final int MOST_NAMES = 1024;

  private static final Logger log = LoggerFactory.getLogger(UserNames.class);

  private final Map<Integer, String> names = new ConcurrentHashMap<>();
  private final AtomicBoolean asks = new AtomicBoolean();
  private final ExecutorService thread =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name("user-names").factory());

  /** The real user of a process: proc_pid_status(5). Its directory's owner may be root. */
  private static final Pattern USER = Pattern.compile("(?m)^Uid:\\s+(\\d+)");

  /**
   * Returns the user of a process, and does not wait for the name.
   *
   * @param process its directory below {@code /proc}
   * @throws IOException if there is no such process
   */
  String userOf(Path process) throws IOException {
    Matcher user = USER.matcher(Files.readString(process.resolve("status")));
    int number = user.find() ? Integer.parseUnsignedInt(user.group(1)) : ownerOf(process);
    String name = names.get(number);
    if (name == null) {
      askFor(number, process);
      return Integer.toUnsignedString(number);
    }
    return name;
  }

  private static int ownerOf(Path file) throws IOException {
    return (int) Files.getAttribute(file, "unix:uid");
  }

  /** Asks for one name at a time, so that a name service that hangs costs one thread. */
  private void askFor(int number, Path file) {
    if (asks.compareAndSet(false, true)) {
      try {
        thread.execute(() -> ask(number, file));
      } catch (RejectedExecutionException closed) {
        log.debug("no names are asked for any more", closed);
      }
    }
  }

  private void ask(int number, Path file) {
    try {
      if (names.size() >= MOST_NAMES) {
        names.clear();
      }
      String name = Files.getOwner(file).getName();
      if (ownerOf(file) == number) { // otherwise it is another process, or hides its user
        names.put(number, name);
      }
    } catch (IOException ended) {
      log.debug("the process has ended before its user's name was known", ended);
    } finally {
      asks.set(false);
    }
  }

  @Override
  public void close() {
    thread.shutdown();
  }
}
