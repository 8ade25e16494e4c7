package io.gpurunner.agent.run;

import java.util.OptionalLong;

/**
 * What the jobs of each user that have ended have on this machine's disk, and how much a user may
 * have there in all. Thread-safe; never blocks.
 */
interface UserDisk {
  /** No user has a limit. */
  UserDisk UNLIMITED =
      new UserDisk() {
        @Override
        public OptionalLong limitBytes() {
          return OptionalLong.empty();
        }

        @Override
        public long keptBytes(String user) {
          return 0;
        }
      };

  /** Returns the most bytes that one user may have. */
  OptionalLong limitBytes();

  /** Returns the bytes that are kept of a user's jobs that have ended. */
  long keptBytes(String user);

  /** Returns the bytes that a user's jobs that have not ended may have; negative if none. */
  default OptionalLong leftBytes(String user) {
    return limitBytes().isEmpty()
        ? OptionalLong.empty()
        : OptionalLong.of(limitBytes().getAsLong() - keptBytes(user));
  }
}
