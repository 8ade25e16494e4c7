package io.gpurunner.storage;

import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * A store for the artifacts of finished jobs: a directory of this machine, or an S3 bucket.
 * Blocking; thread-safe; every call is bounded in time.
 */
public interface ArtifactStore extends AutoCloseable {
  /**
   * Returns a name for messages: {@code local store /var/lib/gpurunner/artifacts}, {@code S3 bucket
   * models at https://s3.example.org}.
   */
  String description();

  /** Returns the place where it puts artifacts. */
  ArtifactPlace place();

  /**
   * Checks that the store answers and would take objects.
   *
   * @throws StorageException naming the store and what is wrong
   */
  void probe();

  /**
   * Writes one object, whole or not at all. Until this returns there is no new object under the
   * key, also through a crash. An existing object is replaced.
   *
   * @throws StorageException also if the content is not what was announced
   */
  void put(ObjectKey key, ArtifactContent content, Cancellation cancellation);

  /**
   * Looks at an object, and reads it if it is short. Answers within seconds, also if the store does
   * not.
   *
   * @param maxBytes the longest content that is read; with 0, only the size is looked up
   * @return empty if there is no such object
   * @throws StorageException UNAVAILABLE if the store does not answer in time; REFUSED if the agent
   *     may not read there
   */
  Optional<StoredObject> read(ObjectKey key, int maxBytes);

  /**
   * Returns a URL that fetches the object by plain GET, with byte ranges, until it expires. Signs
   * locally, without network or disk.
   *
   * @param now the time of the signature
   * @param expiry at most seven days for S3 (the limit of AWS Signature Version 4)
   */
  URI signedUrl(ObjectKey key, Instant now, Duration expiry);

  /**
   * Removes every object of the folder and every unfinished upload to it. If there is nothing,
   * nothing happens.
   */
  void deleteAll(JobFolder folder);

  /**
   * Removes the manifest of a folder that will be written again, and the other objects as far as
   * that is allowed.
   *
   * @throws StorageException if there is still a manifest
   */
  default void withdraw(JobFolder folder) {
    deleteAll(folder);
  }

  @Override
  void close();
}
