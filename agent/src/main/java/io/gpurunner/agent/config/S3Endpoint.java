package io.gpurunner.agent.config;

import io.gpurunner.agent.config.StoreConfig.S3Config;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Finds what cannot work together in the settings of an S3 bucket, before anything is sent. */
final class S3Endpoint {
  /** Amazon's rule for names of buckets. Other servers allow more where the path holds the name. */
  private static final Pattern STRICT_BUCKET =
      Pattern.compile("(?!.*\\.\\.)(?![0-9.]+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]");

  /** Amazon's host of a region. */
  private static final Pattern AMAZON_REGION =
      Pattern.compile(
          "s3[.-](?:dualstack\\.|fips\\.)?([a-z]{2}(?:-[a-z]+)+-[0-9])\\.amazonaws\\.com(?:\\.cn)?");

  private static final Pattern IP_ADDRESS = Pattern.compile("[0-9.]+|\\[.*]");

  /** The domains of stores that refuse the path style: Alibaba Cloud's and Volcano Engine's. */
  private static final List<String> WITHOUT_PATH_STYLE = List.of(".aliyuncs.com", ".volces.com");

  private static final int HTTP = 80;
  private static final int HTTPS = 443;

  private S3Endpoint() {}

  static void check(Section section, S3Config config, String bucket) {
    boolean strict = config.endpoint().isEmpty() || !config.pathStyle();
    if (strict && !STRICT_BUCKET.matcher(bucket).matches()) {
      section.error(
          "bucket",
          "was \"%s\", which cannot be a part of a host name; accepted: 3 to 63 lower-case letters,"
                  .formatted(bucket)
              + " digits, dots and dashes"
              + (config.endpoint().isEmpty() ? "" : ", or path-style: true"));
    }
    config.endpoint().ifPresent(endpoint -> check(section, config, bucket, endpoint));
  }

  private static void check(Section section, S3Config config, String bucket, URI endpoint) {
    String host = endpoint.getHost().toLowerCase(Locale.ROOT);
    boolean inHost = host.startsWith(bucket.toLowerCase(Locale.ROOT) + ".");
    if (inHost || endpoint.getPath().equals("/" + bucket)) {
      section.error(
          "endpoint",
          "was \"%s\", which names the bucket %s too; accepted: \"%s\"%s"
              .formatted(
                  endpoint,
                  bucket,
                  withoutBucket(endpoint, inHost ? host.substring(bucket.length() + 1) : host),
                  inHost ? " with path-style: false" : ""));
      return;
    }
    checkPort(section, endpoint);
    checkStyle(section, config, host);
    Matcher amazon = AMAZON_REGION.matcher(host);
    if (amazon.matches() && !amazon.group(1).equals(config.region())) {
      section.error(
          "region",
          "is %s, but %s is the host of the region %s; correct store.s3.region or"
                  .formatted(config.region(), host, amazon.group(1))
              + " store.s3.endpoint");
    }
  }

  private static void checkPort(Section section, URI endpoint) {
    boolean tls = "https".equalsIgnoreCase(endpoint.getScheme());
    if (endpoint.getPort() == (tls ? HTTP : HTTPS)) {
      section.error(
          "endpoint",
          "was \"%s\", but port %d speaks %s; correct the port, or write %s://"
              .formatted(
                  endpoint, endpoint.getPort(), tls ? "http" : "https", tls ? "http" : "https"));
    }
  }

  private static void checkStyle(Section section, S3Config config, String host) {
    if (!config.pathStyle() && IP_ADDRESS.matcher(host).matches()) {
      section.error(
          "path-style",
          "is false, but the endpoint is an IP address, before which no bucket's name can stand;"
              + " accepted: true");
    }
    if (config.pathStyle() && WITHOUT_PATH_STYLE.stream().anyMatch(host::endsWith)) {
      section.error("path-style", "is true, which " + host + " does not support; accepted: false");
    }
  }

  private static String withoutBucket(URI endpoint, String host) {
    String port = endpoint.getPort() < 0 ? "" : ":" + endpoint.getPort();
    return endpoint.getScheme() + "://" + host + port;
  }
}
