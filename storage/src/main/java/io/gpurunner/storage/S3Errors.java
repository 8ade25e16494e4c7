package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;
import java.io.UncheckedIOException;
import java.net.UnknownHostException;
import java.nio.file.FileSystemException;
import java.security.cert.CertificateException;
import java.util.Optional;
import java.util.Set;
import javax.net.ssl.SSLException;
import software.amazon.awssdk.awscore.exception.AwsErrorDetails;
import software.amazon.awssdk.awscore.exception.AwsServiceException;

/** Translates errors of S3, or on the way to it, to this module's exception, in S3's own words. */
final class S3Errors {
  /**
   * Error codes that are temporary by their meaning, though some stores send them with a 4xx
   * status.
   */
  private static final Set<String> TEMPORARY =
      Set.of(
          "SlowDown",
          "ServiceUnavailable",
          "InternalError",
          "RequestTimeout",
          // The request did not arrive as it was sent.
          "IncompleteBody",
          "BadDigest",
          "OperationAborted",
          "Throttling",
          "TooManyRequests",
          "NoSuchUpload",
          // No call here needs an object to be there. Ceph's gateway sent this for a part, after
          // connections had been cut.
          "NoSuchKey");

  private static final Set<String> FULL = Set.of("QuotaExceeded", "XMinioStorageFull");

  private static final Set<Integer> NO_SUCH_CALL = Set.of(405, 501);
  private static final Set<String> DENIED =
      Set.of("AccessDenied", "AllAccessDisabled", "UnauthorizedAccess");

  private S3Errors() {}

  /**
   * @param store its description
   * @param action what was done, {@code put ai-1/data.zip}
   */
  static StorageException explain(String store, String action, RuntimeException failure) {
    Optional<CancelledException> cancelled = cause(failure, CancelledException.class);
    if (cancelled.isPresent()) {
      return new StorageException(
          Kind.CANCELLED, "%s: %s: cancelled".formatted(store, action), failure);
    }
    Optional<ContentChangedException> changed = cause(failure, ContentChangedException.class);
    if (changed.isPresent()) {
      return new StorageException(
          Kind.REFUSED, "%s: %s: %s".formatted(store, action, changed.get().getMessage()), failure);
    }
    if (failure instanceof AwsServiceException answer) {
      String code = code(answer);
      return new StorageException(
          kind(code, answer.statusCode()),
          "%s: %s: %s%s".formatted(store, action, words(answer, code), advice(answer, code)),
          failure);
    }
    Kind kind = isSameNextTime(failure) ? Kind.REFUSED : Kind.UNAVAILABLE;
    return new StorageException(
        kind, "%s: %s: %s".formatted(store, action, rootMessage(failure)), failure);
  }

  /**
   * Returns whether an error that is not an answer of S3 comes from the request itself: a bucket
   * name that no URL can hold, or a file that cannot be read. Any other error may pass. The SDK can
   * throw unexpected ones, for example if a connection is reset while it is used.
   */
  private static boolean isSameNextTime(RuntimeException failure) {
    return failure instanceof IllegalArgumentException || failure instanceof UncheckedIOException;
  }

  /**
   * Returns whether S3 knows the caller and does not allow the call, or has no such call at all.
   */
  static boolean isDenied(StorageException failure) {
    return cause(failure, AwsServiceException.class)
        .filter(
            answer ->
                NO_SUCH_CALL.contains(answer.statusCode())
                    || (answer.statusCode() == 403 && DENIED.contains(code(answer))))
        .isPresent();
  }

  static String code(AwsServiceException answer) {
    AwsErrorDetails details = answer.awsErrorDetails();
    return details == null || details.errorCode() == null ? "" : details.errorCode();
  }

  private static Kind kind(String code, int status) {
    if (FULL.contains(code) || status == 507) {
      return Kind.FULL;
    }
    return TEMPORARY.contains(code) || status >= 500 || status == 429
        ? Kind.UNAVAILABLE
        : Kind.REFUSED;
  }

  private static String words(AwsServiceException answer, String code) {
    AwsErrorDetails details = answer.awsErrorDetails();
    String message = details == null ? null : details.errorMessage();
    StringBuilder words = new StringBuilder("HTTP ").append(answer.statusCode());
    if (!code.isEmpty()) {
      words.append(' ').append(code);
    }
    if (message != null && !message.isBlank()) {
      words.append(": ").append(message);
    }
    return words.toString();
  }

  private static String advice(AwsServiceException answer, String code) {
    return switch (code) {
      case "NoSuchBucket" -> "; create the bucket or correct store.s3.bucket";
      case "InvalidBucketName" -> "; correct store.s3.bucket";
      case "AccessDenied" ->
          "; the key needs PutObject and GetObject at least, and DeleteObject (DeleteObjectVersion where the bucket keeps versions), AbortMultipartUpload, ListBucket and ListBucketMultipartUploads to let the agent remove what is not needed any more";
      case "InvalidAccessKeyId" -> "; check the file named by store.s3.access-key-file";
      case "SignatureDoesNotMatch" -> "; check the file named by store.s3.secret-key-file";
      case "RequestTimeTooSkewed" -> "; set this machine's clock";
      case "XAmzContentSHA256Mismatch" ->
          "; this store does not know the newer checksums; leave store.s3.checksums at auto";
      case "AuthorizationHeaderMalformed" -> "; correct store.s3.region";
      case "PermanentRedirect", "TemporaryRedirect", "IllegalLocationConstraintException" ->
          "; the bucket is in another region or at another host; correct store.s3.region and"
              + " store.s3.endpoint";
      // Alibaba's, Tencent's and Volcano Engine's stores.
      case "SecondLevelDomainForbidden", "PathStyleDomainForbidden", "InvalidPathAccess" ->
          "; set store.s3.path-style to false";
      case "" -> adviceWithoutCode(answer);
      default -> "";
    };
  }

  /** Says what may be wrong if the answer is not in the form that every S3 server uses. */
  private static String adviceWithoutCode(AwsServiceException answer) {
    return switch (answer.statusCode()) {
      case 301, 302, 307, 308 ->
          "; the bucket is in another region or at another host; correct store.s3.region and"
              + " store.s3.endpoint";
      case 407 -> "; the proxy of store.s3.proxy asks for a password, which is not supported";
      case 400, 404 ->
          "; this is not the answer of an S3 server: check host, port, and http or https in"
              + " store.s3.endpoint";
      default -> "";
    };
  }

  private static String rootMessage(Throwable failure) {
    Throwable root = failure;
    for (int depth = 0; root.getCause() != null && depth < 20; depth++) {
      // The message of a refused certificate is ServerTrust's. What is below it says less.
      if (root instanceof CertificateException) {
        break;
      }
      root = root.getCause();
    }
    if (root instanceof FileSystemException file) {
      return FileFault.words(file);
    }
    String message = root.getMessage();
    if (message != null && root instanceof CertificateException) {
      return message;
    }
    String advice =
        switch (root) {
          case SSLException _ -> "; check http or https, and the port, in store.s3.endpoint";
          case UnknownHostException _ ->
              "; check the host in store.s3.endpoint or store.s3.proxy; with store.s3.path-style"
                  + " false the bucket's name is a part of the host's";
          default -> "";
        };
    return root.getClass().getSimpleName() + (message == null ? "" : ": " + message) + advice;
  }

  static <T extends Throwable> Optional<T> cause(Throwable failure, Class<T> type) {
    Throwable cause = failure;
    for (int depth = 0; cause != null && depth < 20; depth++) {
      if (type.isInstance(cause)) {
        return Optional.of(type.cast(cause));
      }
      cause = cause.getCause();
    }
    return Optional.empty();
  }
}
