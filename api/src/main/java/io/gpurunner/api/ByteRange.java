package io.gpurunner.api;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The part of a file that a {@code Range} header asks for (RFC 9110, section 14). Only one range is
 * supported. A header with several ranges, or in another form, is ignored, as the RFC allows, and
 * the whole file is sent.
 */
sealed interface ByteRange {
  Pattern ONE = Pattern.compile("bytes=([0-9]{0,18})-([0-9]{0,18})", Pattern.CASE_INSENSITIVE);

  /** The whole file. */
  record Whole() implements ByteRange {}

  /**
   * A part of the file.
   *
   * @param first offset of the first byte
   * @param length at least one
   */
  record Part(long first, long length) implements ByteRange {
    long last() {
      return first + length - 1;
    }
  }

  /** No byte of the file is in the range. */
  record Unsatisfiable() implements ByteRange {}

  static ByteRange of(Optional<String> header, long size) {
    Optional<Matcher> match =
        header.map(text -> ONE.matcher(text.strip())).filter(Matcher::matches);
    if (match.isEmpty()) {
      return new Whole();
    }
    String first = match.get().group(1);
    String last = match.get().group(2);
    if (first.isEmpty()) {
      return last.isEmpty() ? new Whole() : suffix(Long.parseLong(last), size);
    }
    long from = Long.parseLong(first);
    long to = last.isEmpty() ? Long.MAX_VALUE : Long.parseLong(last);
    if (to < from) {
      return new Whole();
    }
    return from >= size ? new Unsatisfiable() : new Part(from, Math.min(to, size - 1) - from + 1);
  }

  private static ByteRange suffix(long wanted, long size) {
    long length = Math.min(wanted, size);
    return length == 0 ? new Unsatisfiable() : new Part(size - length, length);
  }
}
