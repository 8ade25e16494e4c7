package io.gpurunner.storage;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertPathBuilderException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateFactory;
import java.security.cert.CertificateNotYetValidException;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Date;
import java.util.List;
import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Judges the certificates of the servers that the agent calls. It trusts the authorities of Java,
 * of the operating system, and of {@code tls.ca-file}. If it refuses a certificate, the message
 * says which check failed, and of which certificate. The files are read when the first certificate
 * is judged. Thread-safe.
 */
public final class ServerTrust extends X509ExtendedTrustManager {
  private static final Logger log = LoggerFactory.getLogger(ServerTrust.class);

  /** Where Debian and Ubuntu, Fedora and Red Hat, and SUSE keep the authorities of the system. */
  private static final List<Path> SYSTEM_BUNDLES =
      List.of(
          Path.of("/etc/ssl/certs/ca-certificates.crt"),
          Path.of("/etc/pki/tls/certs/ca-bundle.crt"),
          Path.of("/etc/ssl/ca-bundle.pem"));

  /** The longest name that a message shows. The server chooses it. */
  private static final int MAX_NAME_LENGTH = 200;

  private static final String ADD =
      "name a file with the certificate of this issuer in tls.ca-file, or add it to the system's";

  private static final String MISSING =
      "tls.ca-file must hold the certificate of this issuer, or the server must send it";

  private static final Pattern BLOCK =
      Pattern.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", Pattern.DOTALL);

  private static final int DNS_NAME = 2;
  private static final int IP_ADDRESS = 7;

  private final Optional<Path> caFile;
  private volatile @Nullable X509ExtendedTrustManager judge;

  /**
   * @param caFile a PEM file with certificates of further authorities
   */
  public ServerTrust(Optional<Path> caFile) {
    this.caFile = caFile;
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType)
      throws CertificateException {
    judge(chain, Optional.empty(), judge -> judge.checkServerTrusted(chain, authType));
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws CertificateException {
    Optional<SSLSession> session =
        socket instanceof SSLSocket tls
            ? Optional.ofNullable(tls.getHandshakeSession())
            : Optional.empty();
    judge(chain, host(session), judge -> judge.checkServerTrusted(chain, authType, socket));
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws CertificateException {
    judge(
        chain,
        host(Optional.ofNullable(engine.getHandshakeSession())),
        judge -> judge.checkServerTrusted(chain, authType, engine));
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType)
      throws CertificateException {
    throw noClients();
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws CertificateException {
    throw noClients();
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws CertificateException {
    throw noClients();
  }

  private static CertificateException noClients() {
    return new CertificateException("the agent judges no certificates of clients");
  }

  @Override
  public X509Certificate[] getAcceptedIssuers() {
    return new X509Certificate[0]; // a list that only a server needs
  }

  private static Optional<String> host(Optional<SSLSession> session) {
    return session.map(SSLSession::getPeerHost);
  }

  private void judge(X509Certificate[] chain, Optional<String> host, Check check)
      throws CertificateException {
    X509ExtendedTrustManager ready = ready();
    try {
      check.of(ready);
    } catch (CertificateException refused) {
      throw explained(chain, host, refused);
    }
  }

  /** One way to ask Java's own judge. */
  @FunctionalInterface
  private interface Check {
    void of(X509ExtendedTrustManager judge) throws CertificateException;
  }

  private RefusedCertificateException explained(
      X509Certificate[] chain, Optional<String> host, CertificateException refused) {
    String of = host.map(name -> "the certificate of " + name).orElse("the server's certificate");
    boolean noPath = S3Errors.cause(refused, CertPathBuilderException.class).isPresent();
    boolean badDate =
        S3Errors.cause(refused, CertificateExpiredException.class).isPresent()
            || S3Errors.cause(refused, CertificateNotYetValidException.class).isPresent();
    // Java finds no path either if the server's own certificate is out of date.
    for (X509Certificate certificate : badDate ? List.of(chain) : List.of(chain[0])) {
      if (noPath || badDate) {
        String which =
            certificate.equals(chain[0]) ? of : of + ": that of its issuer " + name(certificate);
        try {
          certificate.checkValidity();
        } catch (CertificateExpiredException expired) {
          return new RefusedCertificateException(
              "the receiver's certificate has expired",
              "%s has expired on %s; it must be renewed"
                  .formatted(which, day(certificate.getNotAfter())),
              refused);
        } catch (CertificateNotYetValidException early) {
          return new RefusedCertificateException(
              "the receiver's certificate is not valid yet",
              "%s is valid only from %s; check the clock of this machine"
                  .formatted(which, day(certificate.getNotBefore())),
              refused);
        }
      }
    }
    if (noPath) {
      X509Certificate last = chain[chain.length - 1];
      boolean signedItself = last.getSubjectX500Principal().equals(last.getIssuerX500Principal());
      return new RefusedCertificateException(
          "the server does not trust the issuer of the receiver's certificate (tls.ca-file)",
          "%s was issued by \"%s\", which this machine does not trust; %s"
              .formatted(of, issuer(last), signedItself || caFile.isEmpty() ? ADD : MISSING),
          refused);
    }
    String message = String.valueOf(refused.getMessage());
    if (message.startsWith("No ")) {
      return new RefusedCertificateException(
          "the receiver's certificate is for another name",
          "%s is not for that name, but for %s; call the server by one of these names"
              .formatted(of, names(chain[0])),
          refused);
    }
    return new RefusedCertificateException(
        "the receiver's certificate was refused", of + " was refused: " + message, refused);
  }

  private static String day(Date date) {
    return date.toInstant().atZone(ZoneOffset.UTC).toLocalDate().toString();
  }

  private static String name(X509Certificate certificate) {
    return shown(certificate.getSubjectX500Principal().getName());
  }

  private static String issuer(X509Certificate certificate) {
    return shown(certificate.getIssuerX500Principal().getName());
  }

  private static String names(X509Certificate certificate) {
    List<String> names = new ArrayList<>();
    try {
      Collection<List<?>> alternatives = certificate.getSubjectAlternativeNames();
      for (List<?> alternative : alternatives == null ? List.<List<?>>of() : alternatives) {
        if (alternative.get(0) instanceof Integer kind
            && (kind == DNS_NAME || kind == IP_ADDRESS)) {
          names.add(String.valueOf(alternative.get(1)));
        }
      }
    } catch (CertificateParsingException unreadable) {
      return "names that cannot be read";
    }
    return names.isEmpty() ? "no name that counts" : shown(String.join(", ", names));
  }

  /** Returns a name that the server chose, in a form that a message can hold. */
  private static String shown(String name) {
    String clean = name.replaceAll("[\\p{Cntrl}\\p{Cf}\\p{Cs}\"]", "?");
    return clean.length() <= MAX_NAME_LENGTH ? clean : clean.substring(0, MAX_NAME_LENGTH) + "…";
  }

  private X509ExtendedTrustManager ready() throws CertificateException {
    X509ExtendedTrustManager known = judge;
    if (known == null) {
      known = open();
      judge = known;
    }
    return known;
  }

  private X509ExtendedTrustManager open() throws CertificateException {
    try {
      KeyStore authorities = KeyStore.getInstance(KeyStore.getDefaultType());
      authorities.load(null, null);
      int number = 0;
      for (X509Certificate certificate : all()) {
        authorities.setCertificateEntry(String.valueOf(number++), certificate);
      }
      return first(factory(authorities));
    } catch (GeneralSecurityException | IOException failure) {
      throw new CertificateException(
          "the certificates that this machine trusts cannot be read: " + failure.getMessage(),
          failure);
    }
  }

  private List<X509Certificate> all() throws GeneralSecurityException, IOException {
    List<X509Certificate> all = new ArrayList<>(List.of(first(factory(null)).getAcceptedIssuers()));
    for (Path bundle : SYSTEM_BUNDLES) {
      try {
        for (String block : blocks(bundle)) {
          try {
            all.add(parsed(block));
          } catch (CertificateException unknownForm) {
            log.warn("a certificate in {} is not used: {}", bundle, unknownForm.getMessage());
          }
        }
      } catch (NoSuchFileException absent) {
        // Each kind of system has one of them.
      } catch (IOException unreadable) {
        log.warn("the system's certificates are not used: {}", FileFault.words(unreadable));
      }
    }
    if (caFile.isPresent()) {
      all.addAll(read(caFile.get()));
    }
    return all;
  }

  /**
   * Returns the certificates of a PEM file.
   *
   * @throws IOException if it cannot be read, or holds none, or one that cannot be used
   */
  static List<X509Certificate> read(Path file) throws IOException {
    try {
      List<X509Certificate> read = new ArrayList<>();
      for (String block : blocks(file)) {
        read.add(parsed(block));
      }
      if (read.isEmpty()) {
        throw new IOException("tls.ca-file: " + file + " holds no certificate in PEM form");
      }
      return read;
    } catch (CertificateException unusable) {
      throw new IOException("tls.ca-file: " + file + ": " + unusable.getMessage(), unusable);
    } catch (FileSystemException unreadable) {
      throw new IOException("tls.ca-file: " + FileFault.words(unreadable), unreadable);
    }
  }

  private static List<String> blocks(Path file) throws IOException {
    return BLOCK
        .matcher(Files.readString(file, StandardCharsets.ISO_8859_1))
        .results()
        .map(MatchResult::group)
        .toList();
  }

  private static X509Certificate parsed(String block) throws CertificateException {
    return (X509Certificate)
        CertificateFactory.getInstance("X.509")
            .generateCertificate(
                new ByteArrayInputStream(block.getBytes(StandardCharsets.ISO_8859_1)));
  }

  private static TrustManagerFactory factory(@Nullable KeyStore authorities)
      throws GeneralSecurityException {
    TrustManagerFactory factory =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(authorities);
    return factory;
  }

  private static X509ExtendedTrustManager first(TrustManagerFactory factory) {
    return (X509ExtendedTrustManager) factory.getTrustManagers()[0];
  }
}
