package io.gpurunner.agent.config;

import io.gpurunner.agent.callback.AddressPattern;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The forms of the configuration's values, and how each is written back. */
final class ValueForms {
  private static final int MAX_TEXT_LENGTH = 4096;
  private static final int MAX_PORT = 65_535;
  private static final Pattern DURATION = Pattern.compile("([0-9]{1,9})([smhd])");
  private static final Pattern SIZE = Pattern.compile("([0-9]{1,15}) ?([KMGT]i?B)");
  private static final Pattern HOST = Pattern.compile("[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}");
  private static final BigDecimal BYTES_PER_MEGABYTE = BigDecimal.valueOf(1_000_000);

  private static final Map<String, BigDecimal> BYTES_PER_UNIT =
      Map.of(
          "KB", BigDecimal.TEN.pow(3),
          "MB", BigDecimal.TEN.pow(6),
          "GB", BigDecimal.TEN.pow(9),
          "TB", BigDecimal.TEN.pow(12),
          "KiB", BigDecimal.TWO.pow(10),
          "MiB", BigDecimal.TWO.pow(20),
          "GiB", BigDecimal.TWO.pow(30),
          "TiB", BigDecimal.TWO.pow(40));

  /** A day is 24 hours. */
  private static final Map<String, ChronoUnit> TIME_UNITS =
      Map.of(
          "s", ChronoUnit.SECONDS,
          "m", ChronoUnit.MINUTES,
          "h", ChronoUnit.HOURS,
          "d", ChronoUnit.DAYS);

  static final ValueForm<Boolean> BOOLEAN =
      new ValueForm<>(
          "true or false",
          text ->
              switch (text) {
                case "true" -> true;
                case "false" -> false;
                default -> throw new IllegalArgumentException();
              },
          value -> value.toString());

  static final ValueForm<Path> ABSOLUTE_PATH =
      ValueForm.quoted(
          "an absolute path other than /",
          text -> {
            Path path = Path.of(bounded(text)).normalize();
            return require(path.isAbsolute() && path.getNameCount() > 0, path);
          });

  static final ValueForm<LibraryGrant> LIBRARY_GRANT =
      ValueForm.quoted(LibraryGrant.ACCEPTED, text -> LibraryGrant.parse(bounded(text)));

  static final ValueForm<String> HOST_NAME =
      ValueForm.quoted(
          "an IP address or a host name",
          text -> {
            require(HOST.matcher(text).matches(), text);
            if (text.contains(":")) {
              URI.create("http://[" + text + "]"); // refuses what is no IPv6 address
            }
            return text;
          });

  static final ValueForm<URI> HTTP_URL =
      ValueForm.quoted(
          "a URL of the form http://host[:port] or https://host[:port], without user, query and"
              + " fragment",
          text -> {
            String withoutSlashes = bounded(text).replaceFirst("/+$", "");
            URI url = URI.create(withoutSlashes);
            boolean web =
                "http".equalsIgnoreCase(url.getScheme())
                    || "https".equalsIgnoreCase(url.getScheme());
            boolean plain =
                url.getRawUserInfo() == null
                    && url.getRawQuery() == null
                    && url.getRawFragment() == null;
            return require(web && plain && url.getHost() != null, url);
          });

  static final ValueForm<URI> PROXY =
      ValueForm.quoted(
          "the URL of an HTTP proxy, of the form http://host:port, without user and password",
          text -> {
            URI url = URI.create(bounded(text).replaceFirst("/+$", ""));
            return require(
                "http".equalsIgnoreCase(url.getScheme())
                    && url.getRawUserInfo() == null
                    && url.getHost() != null
                    && url.getPort() > 0
                    && url.getPort() <= MAX_PORT
                    && url.getRawPath().isEmpty()
                    && url.getRawQuery() == null
                    && url.getRawFragment() == null,
                url);
          });

  static final ValueForm<URI> DOCKER_HOST =
      ValueForm.quoted(
          "unix:///path/to/docker.sock or tcp://host:port",
          text -> {
            URI host = URI.create(bounded(text));
            boolean unix =
                "unix".equals(host.getScheme())
                    && host.getRawAuthority() == null
                    && host.getPath() != null
                    && host.getPath().startsWith("/");
            boolean tcp =
                "tcp".equals(host.getScheme())
                    && host.getHost() != null
                    && host.getPort() > 0
                    && host.getPort() <= MAX_PORT;
            return require(unix || tcp, host);
          });

  static final ValueForm<Long> MEGABYTES =
      new ValueForm<>(
          "a whole number with KB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (powers of"
              + " 1024), at least 1MB and at most 1000000TB",
          ValueForms::megabytes,
          ValueForms::writeMegabytes);

  static final ValueForm<AddressPattern> ADDRESS_PATTERN =
      ValueForm.quoted(
          "an IP address, a network such as 10.0.0.0/8 or fd00::/8, or a host name",
          text -> AddressPattern.parse(bounded(text)));

  private ValueForms() {}

  static ValueForm<Integer> wholeNumber(int from, int to) {
    return new ValueForm<>(
        "a whole number from " + from + " to " + to,
        text -> {
          int value = Integer.parseInt(text);
          return require(value >= from && value <= to, value);
        },
        value -> value.toString());
  }

  static ValueForm<String> text(String accepted, String pattern) {
    Pattern form = Pattern.compile(pattern);
    return ValueForm.quoted(accepted, text -> require(form.matcher(bounded(text)).matches(), text));
  }

  static ValueForm<Duration> duration(Duration least, Duration most) {
    return new ValueForm<>(
        "a whole number with s, m, h or d (30s, 5m, 2h, 7d), from "
            + write(least)
            + " to "
            + write(most),
        text -> {
          Matcher matcher = DURATION.matcher(text);
          require(matcher.matches(), text);
          long count = Long.parseLong(matcher.group(1));
          Duration value =
              Optional.ofNullable(TIME_UNITS.get(matcher.group(2)))
                  .map(unit -> Duration.of(count, unit))
                  .orElseThrow(IllegalArgumentException::new);
          return require(value.compareTo(least) >= 0 && value.compareTo(most) <= 0, value);
        },
        ValueForms::write);
  }

  /** Returns the form of an enum, whose constants are written in lower case with dashes. */
  static <E extends Enum<E>> ValueForm<E> word(Class<E> type) {
    E[] constants = type.getEnumConstants();
    String words =
        Arrays.stream(constants).map(ValueForms::write).collect(Collectors.joining(", "));
    return new ValueForm<>(
        "one of " + words,
        text ->
            Arrays.stream(constants)
                .filter(constant -> write(constant).equals(text))
                .findFirst()
                .orElseThrow(IllegalArgumentException::new),
        ValueForms::write);
  }

  /** Writes a duration as the file does, in the largest unit that keeps it whole. */
  static String write(Duration duration) {
    long seconds = duration.toSeconds();
    if (seconds == 0) {
      return "0s";
    }
    if (seconds % 86_400 == 0) {
      return seconds / 86_400 + "d";
    }
    if (seconds % 3_600 == 0) {
      return seconds / 3_600 + "h";
    }
    return seconds % 60 == 0 ? seconds / 60 + "m" : seconds + "s";
  }

  /** Writes a constant as the file does. */
  static String write(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** Writes a size as the file does, in the largest decimal unit that keeps it whole. */
  static String writeMegabytes(long megabytes) {
    if (megabytes % 1_000_000 == 0) {
      return megabytes / 1_000_000 + "TB";
    }
    return megabytes % 1_000 == 0 ? megabytes / 1_000 + "GB" : megabytes + "MB";
  }

  private static long megabytes(String text) {
    Matcher matcher = SIZE.matcher(text);
    require(matcher.matches(), text);
    BigDecimal bytes =
        new BigDecimal(new BigInteger(matcher.group(1)))
            .multiply(BYTES_PER_UNIT.getOrDefault(matcher.group(2), BigDecimal.ONE));
    // A limit is rounded down, so that no job gets more than the file says.
    BigDecimal megabytes = bytes.divide(BYTES_PER_MEGABYTE, 0, RoundingMode.FLOOR);
    require(megabytes.signum() > 0 && megabytes.compareTo(BigDecimal.TEN.pow(12)) <= 0, megabytes);
    return megabytes.longValueExact();
  }

  private static String bounded(String text) {
    boolean clean = text.chars().noneMatch(Character::isISOControl);
    return require(!text.isEmpty() && text.length() <= MAX_TEXT_LENGTH && clean, text);
  }

  private static <T> T require(boolean accepted, T value) {
    if (!accepted) {
      throw new IllegalArgumentException();
    }
    return value;
  }
}
