package io.gpurunner.agent.cli.top;

import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Tells keys from what a user pastes. A terminal in xterm's mode 2004 marks the beginning and the
 * end of a paste. What is pasted is dropped, because each of its letters would be an order. A
 * sequence may come in several reads. Not thread-safe.
 */
final class KeyReader {
  static final String PASTE_BEGINS = "\u001b[200~";
  static final String PASTE_ENDS = "\u001b[201~";

  /** What was read and is not decoded yet: the beginning of a sequence. */
  private String held = "";

  private boolean isPasted;

  /** Returns the keys that are complete with what was read. */
  List<Key> read(byte[] bytes) {
    StringBuilder typed = new StringBuilder();
    String left = held + new String(bytes, StandardCharsets.UTF_8);
    held = "";
    while (!left.isEmpty()) {
      String mark = isPasted ? PASTE_ENDS : PASTE_BEGINS;
      int at = left.indexOf(mark);
      if (!isPasted) {
        typed.append(left, 0, at < 0 ? left.length() : at);
      }
      if (at < 0) {
        held = isPasted ? beginningAtEnd(left, mark) : "";
        left = "";
      } else {
        isPasted = !isPasted;
        left = left.substring(at + mark.length());
      }
    }
    if (!isPasted) {
      held = Key.unfinished(typed.toString());
      typed.setLength(typed.length() - held.length());
    }
    return Key.decode(typed.toString());
  }

  /** Returns whether what was read ends like a sequence of which more may come at once. */
  boolean isWaiting() {
    return !held.isEmpty() && !isPasted;
  }

  /** Returns the keys of what was held back, after nothing more has come. */
  List<Key> give() {
    String rest = isPasted ? "" : held;
    held = isPasted ? held : "";
    return Key.decode(rest);
  }

  private static String beginningAtEnd(String text, String mark) {
    for (int length = Math.min(text.length(), mark.length() - 1); length > 0; length--) {
      String end = text.substring(text.length() - length);
      if (mark.startsWith(end)) {
        return end;
      }
    }
    return "";
  }
}
