package io.gpurunner.agent.config;

import io.gpurunner.agent.config.StoreConfig.S3Config;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Finds what cannot work together in the settings of an S3 bucket, before anything is sent. What is
 * only unusual is left to the server.
 */
final class S3Endpoint {
  /** Amazon's host of a region. */
  private static final Pattern AMAZON_REGION =
      Pattern.compile(
          "s3[.-](?:dualstack\\.|fips\\.)?([a-z]{2}(?:-[a-z]+)+-[0-9])\\.amazonaws\\.com(?:\\.cn)?");

  /** The host of an S3 server, as providers and administrators name it. */
  private static final Pattern SERVER =
      Pattern.compile(
          "s3[.-].*|.*\\.(?:amazonaws\\.com(?:\\.cn)?|aliyuncs\\.com|myqcloud\\.com|volces\\.com)");

  /** The domains of stores that refuse the path style: Alibaba Cloud's and Volcano Engine's. */
  private static final List<String> WITHOUT_PATH_STYLE = List.of(".aliyuncs.com", ".volces.com");

  private static final int HTTP = 80;
  private static final int HTTPS = 443;

  private S3Endpoint() {}

  static void check(Section section, S3Config config, String bucket, URI endpoint) {
    String host = endpoint.getHost().toLowerCase(Locale.ROOT);
    String prefix = bucket.toLowerCase(Locale.ROOT) + ".";
    boolean inHost =
        host.startsWith(prefix) && SERVER.matcher(host.substring(prefix.length())).matches();
    if (inHost || endpoint.getPath().equals("/" + bucket)) {
      section.error(
          "endpoint",
          "was \"%s\", which names the bucket %s too; accepted: \"%s\"%s"
              .formatted(
                  endpoint,
                  bucket,
                  withHost(endpoint, inHost ? host.substring(prefix.length()) : host),
                  inHost ? " with path-style: false" : ""));
      return;
    }
    checkPort(section, endpoint);
    if (config.pathStyle() && WITHOUT_PATH_STYLE.stream().anyMatch(host::endsWith)) {
      section.error("path-style", "is true, which " + host + " does not support; accepted: false");
    }
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
          "was \"%s\", but port %d is that of %s; correct the port, or write %s://"
              .formatted(
                  endpoint, endpoint.getPort(), tls ? "http" : "https", tls ? "http" : "https"));
    }
  }

  private static String withHost(URI endpoint, String host) {
    String port = endpoint.getPort() < 0 ? "" : ":" + endpoint.getPort();
    return endpoint.getScheme() + "://" + host + port;
  }
}
