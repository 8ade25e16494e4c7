package io.gpurunner.agent.cli.terminal;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Makes bytes from outside harmless for a terminal. What a job prints could set the terminal's
 * title, move its cursor, or make it answer as if its user typed. Colours and other attributes of
 * text stay, but for the one that hides it, and so do ends of lines, tabs, carriage returns and
 * backspaces. Any other complete sequence that begins with {@code ESC [} is left out, as most of
 * them move the cursor. Any other control character becomes a question mark.
 *
 * <p>A sequence and a character may come in several writes. Not thread-safe.
 */
public final class TerminalFilter extends FilterOutputStream {
  /** The longest sequence, in characters, that is recognized. */
  static final int SEQUENCE_LIMIT = 64;

  private static final char ESCAPE = '\u001b';

  /** One character that means the same as {@code ESC [} (ECMA-48, section 5.4). */
  private static final char SEQUENCE = '\u009b';

  /** What may be between the beginning and the {@code m} of a sequence that sets attributes. */
  private static final Pattern ATTRIBUTES = Pattern.compile("[0-9;:]*");

  /** The attribute that hides text (ECMA-48, section 8.3.117). */
  private static final Pattern HIDING = Pattern.compile("0*8(:.*)?");

  private static final int BUFFER_SIZE = 8 << 10;

  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPLACE)
          .onUnmappableCharacter(CodingErrorAction.REPLACE);
  private final ByteBuffer bytes = ByteBuffer.allocate(BUFFER_SIZE);
  private final CharBuffer characters = CharBuffer.allocate(BUFFER_SIZE);
  private final StringBuilder harmless = new StringBuilder();
  private final StringBuilder parameters = new StringBuilder();
  private Place place = Place.TEXT;
  private boolean painted;

  /** Where the next character is. */
  private enum Place {
    TEXT,
    AFTER_ESCAPE,
    IN_SEQUENCE
  }

  public TerminalFilter(OutputStream terminal) {
    super(terminal);
  }

  @Override
  public void write(int single) throws IOException {
    write(new byte[] {(byte) single}, 0, 1);
  }

  @Override
  public void write(byte[] from, int offset, int length) throws IOException {
    int done = 0;
    while (done < length) {
      int part = Math.min(length - done, bytes.remaining());
      bytes.put(from, offset + done, part);
      done += part;
      bytes.flip();
      decoder.decode(bytes, characters, false);
      bytes.compact();
      pass();
    }
    print();
  }

  /** Prints what was held back, and takes the attributes back that were set. */
  public void finish() throws IOException {
    bytes.flip();
    decoder.decode(bytes, characters, true);
    decoder.flush(characters);
    decoder.reset();
    bytes.clear();
    pass();
    giveUpSequence();
    if (painted) {
      harmless.append(ESCAPE).append("[0m");
      painted = false;
    }
    print();
    flush();
  }

  private void pass() {
    characters.flip();
    while (characters.hasRemaining()) {
      pass(characters.get());
    }
    characters.clear();
  }

  private void pass(char character) {
    switch (place) {
      case TEXT -> text(character);
      case AFTER_ESCAPE -> {
        if (character == '[') {
          place = Place.IN_SEQUENCE;
        } else {
          giveUpSequence();
          text(character);
        }
      }
      case IN_SEQUENCE -> sequence(character);
    }
  }

  private void text(char character) {
    switch (character) {
      case ESCAPE -> place = Place.AFTER_ESCAPE;
      case SEQUENCE -> place = Place.IN_SEQUENCE;
      case '\n', '\r', '\t', '\b' -> harmless.append(character);
      default -> harmless.append(Character.isISOControl(character) ? '?' : character);
    }
  }

  /** Takes a character of a sequence: parameters, and a last one that says what it does. */
  private void sequence(char character) {
    if (character >= ' ' && character <= '?' && parameters.length() < SEQUENCE_LIMIT) {
      parameters.append(character);
    } else if (character >= '@' && character <= '~') {
      endSequence(character);
    } else {
      giveUpSequence();
      text(character);
    }
  }

  private void endSequence(char last) {
    if (last == 'm' && ATTRIBUTES.matcher(parameters).matches()) {
      List<String> visible = visible(parameters.toString());
      if (!visible.isEmpty()) {
        String attributes = String.join(";", visible);
        harmless.append(ESCAPE).append('[').append(attributes).append(last);
        painted = !attributes.isEmpty() && !attributes.equals("0");
      }
    }
    place = Place.TEXT;
    parameters.setLength(0);
  }

  /** Returns the attributes without the one that hides text: a reader must see what he copies. */
  private static List<String> visible(String parameters) {
    List<String> all = List.of(parameters.split(";", -1));
    List<String> visible = new ArrayList<>();
    int next = 0;
    while (next < all.size()) {
      int end = Math.min(next + length(all, next), all.size());
      if (!HIDING.matcher(all.get(next)).matches()) {
        visible.addAll(all.subList(next, end));
      }
      next = end;
    }
    return visible;
  }

  /** Returns how many parameters an attribute has: a colour is 38;5;8 or 38;2;8;8;8 (T.416). */
  private static int length(List<String> all, int first) {
    boolean isColour = all.get(first).equals("38") || all.get(first).equals("48");
    String kind = isColour && first + 1 < all.size() ? all.get(first + 1) : "";
    return switch (kind) {
      case "5" -> 3;
      case "2" -> 5;
      default -> 1;
    };
  }

  /** Shows what began like a sequence and is none. */
  private void giveUpSequence() {
    switch (place) {
      case TEXT -> {}
      case AFTER_ESCAPE -> harmless.append('?');
      case IN_SEQUENCE -> harmless.append("?[").append(parameters);
    }
    place = Place.TEXT;
    parameters.setLength(0);
  }

  private void print() throws IOException {
    if (!harmless.isEmpty()) {
      out.write(harmless.toString().getBytes(StandardCharsets.UTF_8));
      harmless.setLength(0);
    }
  }
}
