package io.gpurunner.api;

/** Port: the keys of users with which their callbacks are signed. Never blocks; thread-safe. */
public interface CallbackKeys {
  /** Returns the key of a user: text without blanks. */
  String of(String user);
}
