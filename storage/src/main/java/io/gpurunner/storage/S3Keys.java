package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;
import java.io.IOException;
import java.nio.file.Path;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;

/**
 * The keys of an S3 store, from their files. The files are read for each request, so a key that was
 * replaced counts at once. If one cannot be read just then, because it is being replaced, the last
 * keys count. Thread-safe.
 */
final class S3Keys implements AwsCredentialsProvider {
  private final Path accessKeyFile;
  private final Path secretKeyFile;
  private volatile AwsCredentials last;

  /**
   * @throws StorageException REFUSED if a file cannot be read
   */
  S3Keys(Path accessKeyFile, Path secretKeyFile) {
    this.accessKeyFile = accessKeyFile;
    this.secretKeyFile = secretKeyFile;
    this.last = read();
  }

  @Override
  public AwsCredentials resolveCredentials() {
    try {
      last = read();
    } catch (StorageException unreadable) {
      return last;
    }
    return last;
  }

  private AwsCredentials read() {
    return AwsBasicCredentials.create(
        readKey("store.s3.access-key-file", accessKeyFile),
        readKey("store.s3.secret-key-file", secretKeyFile));
  }

  private static String readKey(String option, Path file) {
    try {
      return KeyFile.word(file)
          .orElseThrow(
              () ->
                  new StorageException(
                      Kind.REFUSED, "%s: %s %s".formatted(option, file, KeyFile.NO_WORD)));
    } catch (IOException failure) {
      throw DiskErrors.explain(option + ": cannot read", file, failure);
    }
  }
}
