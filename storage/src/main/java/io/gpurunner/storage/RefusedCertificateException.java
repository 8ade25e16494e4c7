package io.gpurunner.storage;

import java.security.cert.CertificateException;

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

  /** Returns which check failed, without anything that the server said. */
  public String check() {
    return check;
  }
}
