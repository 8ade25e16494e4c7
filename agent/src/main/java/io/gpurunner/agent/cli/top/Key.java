package io.gpurunner.agent.cli.top;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A key.
 *
 * @param text what it writes; empty if it writes nothing
 */
record Key(Kind kind, String text) {
  /** What is sent by keys that write nothing: ECMA-48's sequences, as xterm uses them. */
  private static final Pattern SEQUENCE = Pattern.compile("\u001b(?:\\[[0-9;?]*[ -/]*[@-~]|O.)");

  /** The beginning of a sequence, at the end of what was read. A longer one is no sequence. */
  private static final Pattern UNFINISHED = Pattern.compile("\u001b(?:\\[[0-9;?]{0,16}[ -/]?|O)?$");

  private static final Map<String, Kind> SEQUENCES =
      Map.ofEntries(
          Map.entry("A", Kind.UP),
          Map.entry("B", Kind.DOWN),
          Map.entry("H", Kind.FIRST),
          Map.entry("F", Kind.LAST),
          Map.entry("1~", Kind.FIRST),
          Map.entry("4~", Kind.LAST),
          Map.entry("5~", Kind.PAGE_UP),
          Map.entry("6~", Kind.PAGE_DOWN),
          Map.entry("7~", Kind.FIRST),
          Map.entry("8~", Kind.LAST));

  /** What a key is for. */
  enum Kind {
    CHARACTER,
    UP,
    DOWN,
    PAGE_UP,
    PAGE_DOWN,
    FIRST,
    LAST,
    ENTER,
    ESCAPE,
    BACKSPACE,
    REDRAW
  }

  static Key of(Kind kind) {
    return new Key(kind, "");
  }

  static Key of(String text) {
    return new Key(Kind.CHARACTER, text);
  }

  /** Returns the beginning of a sequence with which the text ends; empty if there is none. */
  static String unfinished(String text) {
    Matcher end = UNFINISHED.matcher(text);
    return end.find() ? end.group() : "";
  }

  /** Returns the keys that were pressed, from what the terminal sent. */
  static List<Key> decode(String text) {
    List<Key> keys = new ArrayList<>();
    Matcher sequence = SEQUENCE.matcher(text);
    int at = 0;
    while (at < text.length()) {
      if (sequence.find(at) && sequence.start() == at) {
        Optional.ofNullable(SEQUENCES.get(sequence.group().substring(2)))
            .ifPresent(kind -> keys.add(of(kind)));
        at = sequence.end();
      } else {
        int character = text.codePointAt(at);
        single(character).ifPresent(keys::add);
        at += Character.charCount(character);
      }
    }
    return keys;
  }

  private static Optional<Key> single(int character) {
    return switch (character) {
      case '\r', '\n' -> Optional.of(of(Kind.ENTER));
      case 0x1b -> Optional.of(of(Kind.ESCAPE));
      case 0x08, 0x7f -> Optional.of(of(Kind.BACKSPACE));
      case 0x0c -> Optional.of(of(Kind.REDRAW));
      case 0x02 -> Optional.of(of(Kind.PAGE_UP));
      case 0x06 -> Optional.of(of(Kind.PAGE_DOWN));
      case 0xfffd -> Optional.empty();
      default ->
          Character.isISOControl(character)
              ? Optional.empty()
              : Optional.of(of(Character.toString(character)));
    };
  }
}
