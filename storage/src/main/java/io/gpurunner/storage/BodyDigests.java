package io.gpurunner.storage;

import io.gpurunner.storage.S3Settings.Checksums;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.http.ContentStreamProvider;
import software.amazon.awssdk.services.s3.model.S3Exception;

/**
 * Sends the MD5 of a body with the request if the store wants it. Buckets with object lock do, and
 * older stores refuse the newer checksums. So a store is asked without one first, and what it wants
 * is remembered. Thread-safe.
 */
final class BodyDigests {
  private static final Logger log = LoggerFactory.getLogger(BodyDigests.class);

  private final String store;
  private final boolean mayAdd;
  private volatile boolean wanted;

  /**
   * @param store its description
   */
  BodyDigests(String store, Checksums checksums) {
    this.store = store;
    this.mayAdd = checksums == Checksums.AUTO;
  }

  /**
   * Sends a body, and sends it again with its MD5 if the store wants that.
   *
   * @param send takes the base64 form of the MD5, if it is to be sent
   */
  <T> T send(ContentStreamProvider body, Function<Optional<String>, T> send) {
    if (!wanted) {
      try {
        return send.apply(Optional.empty());
      } catch (S3Exception answer) {
        if (!mayAdd || !wantsDigest(answer)) {
          throw answer;
        }
        log.info("{}: wants the MD5 of what is uploaded, and gets it from now on", store);
        wanted = true;
      }
    }
    return send.apply(Optional.of(md5(body)));
  }

  /**
   * Returns whether an answer asks for a checksum. Amazon's says: "Content-MD5 OR x-amz-checksum-
   * HTTP header is required".
   */
  private static boolean wantsDigest(S3Exception answer) {
    String message =
        answer.awsErrorDetails() == null || answer.awsErrorDetails().errorMessage() == null
            ? ""
            : answer.awsErrorDetails().errorMessage().toLowerCase(Locale.ROOT);
    return S3Errors.code(answer).equals("MissingContentMD5")
        || (answer.statusCode() == 400 && message.contains("content-md5"));
  }

  private static String md5(ContentStreamProvider body) {
    try (InputStream in = body.newStream()) {
      MessageDigest digest = MessageDigest.getInstance("MD5");
      in.transferTo(new DigestOutputStream(OutputStream.nullOutputStream(), digest));
      return Base64.getEncoder().encodeToString(digest.digest());
    } catch (IOException unreadable) {
      throw new UncheckedIOException("cannot read the content", unreadable);
    } catch (NoSuchAlgorithmException absent) {
      throw new IllegalStateException("every Java has MD5", absent);
    }
  }
}
