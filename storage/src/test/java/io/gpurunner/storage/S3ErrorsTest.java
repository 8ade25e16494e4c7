package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.storage.StorageException.Kind;
import java.io.FileNotFoundException;
import java.io.UncheckedIOException;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.util.stream.Stream;
import javax.net.ssl.SSLException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import software.amazon.awssdk.awscore.exception.AwsErrorDetails;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.services.s3.model.S3Exception;

/** Only an error that would be the same next time may end the tries of an upload. */
class S3ErrorsTest {
  static Stream<Arguments> errors() {
    return Stream.of(
        Arguments.of(answer(400, "IncompleteBody"), Kind.UNAVAILABLE),
        Arguments.of(answer(400, "BadDigest"), Kind.UNAVAILABLE),
        Arguments.of(answer(400, "RequestTimeout"), Kind.UNAVAILABLE),
        Arguments.of(answer(404, "NoSuchUpload"), Kind.UNAVAILABLE),
        Arguments.of(answer(404, "NoSuchKey"), Kind.UNAVAILABLE),
        Arguments.of(answer(404, ""), Kind.REFUSED),
        Arguments.of(answer(429, ""), Kind.UNAVAILABLE),
        Arguments.of(answer(500, ""), Kind.UNAVAILABLE),
        Arguments.of(answer(507, ""), Kind.FULL),
        Arguments.of(answer(403, "QuotaExceeded"), Kind.FULL),
        Arguments.of(answer(404, "NoSuchBucket"), Kind.REFUSED),
        Arguments.of(answer(403, "SignatureDoesNotMatch"), Kind.REFUSED),
        Arguments.of(
            SdkClientException.create("x", new SocketException("reset")), Kind.UNAVAILABLE),
        Arguments.of(new IllegalStateException("connection is not open"), Kind.UNAVAILABLE),
        Arguments.of(new IllegalArgumentException("no name of a bucket"), Kind.REFUSED),
        Arguments.of(
            new UncheckedIOException("model", new FileNotFoundException("model")), Kind.REFUSED));
  }

  private static RuntimeException answer(int status, String code) {
    return S3Exception.builder()
        .statusCode(status)
        .awsErrorDetails(AwsErrorDetails.builder().errorCode(code).build())
        .build();
  }

  @ParameterizedTest
  @MethodSource("errors")
  void anErrorHasItsKindAndIsNamed(RuntimeException error, Kind kind) {
    StorageException explained = S3Errors.explain("S3 bucket b", "put k", error);
    assertThat(explained.kind()).as(explained.getMessage()).isEqualTo(kind);
    assertThat(explained).hasMessageStartingWith("S3 bucket b: put k: ").hasCause(error);
  }

  static Stream<Arguments> advised() {
    return Stream.of(
        Arguments.of(answer(400, "AuthorizationHeaderMalformed"), "store.s3.region"),
        Arguments.of(answer(301, "PermanentRedirect"), "store.s3.region"),
        Arguments.of(answer(301, ""), "store.s3.region"),
        Arguments.of(answer(400, "InvalidBucketName"), "store.s3.bucket"),
        Arguments.of(answer(403, "SecondLevelDomainForbidden"), "store.s3.path-style"),
        Arguments.of(answer(403, "PathStyleDomainForbidden"), "store.s3.path-style"),
        Arguments.of(answer(403, "InvalidPathAccess"), "store.s3.path-style"),
        Arguments.of(answer(400, ""), "http or https in store.s3.endpoint"),
        Arguments.of(answer(404, ""), "http or https in store.s3.endpoint"),
        Arguments.of(answer(407, ""), "store.s3.proxy"),
        Arguments.of(
            SdkClientException.create("x", new UnknownHostException("b.s3.lab")),
            "store.s3.path-style"),
        Arguments.of(
            SdkClientException.create("x", new SSLException("not TLS")),
            "http or https, and the port, in store.s3.endpoint"));
  }

  @ParameterizedTest
  @MethodSource("advised")
  void anErrorNamesTheKeyToCorrect(RuntimeException error, String words) {
    assertThat(S3Errors.explain("S3 bucket b", "put k", error)).hasMessageContaining(words);
  }
}
