package io.gpurunner.storage;

import java.net.URI;
import java.time.Duration;
import java.time.Instant;

/**
 * Where finished jobs' artifacts are put: a directory of this machine, or an S3 bucket. Blocking;
 * thread-safe; every call is bounded in time.
 */
public interface ArtifactStore extends AutoCloseable {
  /**
   * A word for people: {@code local store /var/lib/gpurunner/artifacts}, {@code S3 bucket models at
   * https://s3.example.org}.
   */
  String description();

  /** Where it puts artifacts. */
  ArtifactPlace place();

  /**
   * Checks that the store answers and would take objects.
   *
   * @throws StorageException naming the store and what is wrong
   */
  void probe();

  /**
   * Writes one object, whole or not at all: until this returns there is no new object under the
   * key, also through a crash. An existing one is replaced.
   *
   * @throws StorageException also when the content turned out other than announced
   */
  void put(ObjectKey key, ArtifactContent content, Cancellation cancellation);

  /** Whether an object is there. */
  boolean exists(ObjectKey key);

  /**
   * A URL that fetches the object by plain GET, with byte ranges, until it expires. Signs locally:
   * no network, no disk.
   *
   * @param now the time it is signed at
   * @param expiry at most seven days for S3 (the limit of AWS Signature Version 4)
   */
  URI signedUrl(ObjectKey key, Instant now, Duration expiry);

  /**
   * Removes every object of the folder and every unfinished upload to it. Nothing there is no
   * error.
   */
  void deleteAll(JobFolder folder);

  /**
   * Sees to it that no manifest stands in a folder that is about to be written anew, and removes
   * what else is there as far as that is allowed.
   *
   * @throws StorageException where a manifest still stands
   */
  default void withdraw(JobFolder folder) {
    deleteAll(folder);
  }

  @Override
  void close();
}
