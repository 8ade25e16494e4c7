package io.gpurunner.storage;

import java.security.cert.CertificateException;
import java.util.Optional;

/** The certificate of a server was refused. The message has all details, for the administrator. */
public final class RefusedCertificateException extends CertificateException {
  private static final long serialVersionUID = 1L;

  private final String check;

  /**
   * @param check which check failed, without anything that the server said
   */
  RefusedCertificateException(String check, String message, CertificateException cause) {
    super(message, cause);
    this.check = check;
  }

  /** Returns the refusal that made a call fail. It is empty if something else did. */
  public static Optional<RefusedCertificateException> in(Throwable failure) {
    return S3Errors.cause(failure, RefusedCertificateException.class);
  }

  /** Returns which check failed, without anything that the server said. */
  public String check() {
    return check;
  }
}
