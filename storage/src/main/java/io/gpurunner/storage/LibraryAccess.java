package io.gpurunner.storage;

import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Which users may mount which entries of a library. All users may mount an entry that is not named.
 * Immutable.
 *
 * @param usersOf the users of each entry that not all may mount
 */
public record LibraryAccess(Map<String, Set<String>> usersOf) {
  /** All users may mount all entries. */
  public static final LibraryAccess OPEN = new LibraryAccess(Map.of());

  public LibraryAccess {
    usersOf =
        usersOf.entrySet().stream()
            .collect(
                Collectors.toUnmodifiableMap(
                    Map.Entry::getKey, each -> Set.copyOf(each.getValue())));
  }

  /** Returns the entries that nobody may mount who is not named for them. */
  Set<String> closed() {
    return usersOf.keySet();
  }

  /** Returns the entries that this user may not mount. */
  Set<String> closedTo(String user) {
    Set<String> closed = new HashSet<>(usersOf.keySet());
    closed.removeIf(entry -> usersOf.getOrDefault(entry, Set.of()).contains(user));
    return Set.copyOf(closed);
  }
}
