package io.gpurunner.api;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonObject;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;

/** The form in which a log is sent. Not thread-safe: one for each stream. */
sealed interface LogForm {
  String contentType();

  /** Appends a piece to what is sent next. */
  void append(Logs.Piece piece, Buffer to);

  /** Returns what is sent if nothing else was sent for a while. It can be empty. */
  Buffer sign();

  /** The output as it was printed. Sentences of the agent stand in brackets on their own lines. */
  final class Text implements LogForm {
    private final boolean follow;
    private boolean lineOpen;

    /**
     * @param follow whether the reader waits for the end of the job; then the text says how it
     *     ended
     */
    Text(boolean follow) {
      this.follow = follow;
    }

    @Override
    public String contentType() {
      return "text/plain; charset=utf-8";
    }

    @Override
    public void append(Logs.Piece piece, Buffer to) {
      switch (piece) {
        case Logs.Piece.Printed printed -> {
          to.appendBytes(printed.bytes());
          lineOpen = printed.partial();
        }
        case Logs.Piece.Gap gap -> remark(gap.text(), to);
        case Logs.Piece.Note note -> remark(note.text(), to);
        case Logs.Piece.Ended ended -> {
          if (follow) {
            remark(
                "the job has ended: "
                    + ended.state()
                    + ended.reason().map(why -> ", " + why).orElse(""),
                to);
          }
        }
      }
    }

    private void remark(String text, Buffer to) {
      to.appendString((lineOpen ? "\n" : "") + "[gpurunner: " + text + "]\n");
      lineOpen = false;
    }

    /** Text has no invisible sign. */
    @Override
    public Buffer sign() {
      return Buffer.buffer();
    }
  }

  /** Server-sent events (WHATWG HTML, section 9.2). */
  final class Events implements LogForm {
    /** The character that a decoder puts in the place of what is no UTF-8. */
    private static final char REPLACEMENT = '\ufffd';

    @Override
    public String contentType() {
      return "text/event-stream";
    }

    @Override
    public void append(Logs.Piece piece, Buffer to) {
      switch (piece) {
        case Logs.Piece.Printed printed -> {
          byte[] line = lineOf(printed);
          String text = new String(line, StandardCharsets.UTF_8);
          JsonObject data =
              new JsonObject()
                  .put("attempt", printed.attempt())
                  .put("seq", printed.seq())
                  .put("time", printed.at().toString())
                  .put("stream", printed.stream())
                  .put("text", text);
          if (hasLost(text, line)) {
            data.put("bytes", Base64.getEncoder().encodeToString(line));
          }
          if (printed.partial()) {
            data.put("partial", true);
          }
          id(printed.attempt(), printed.seq(), to);
          event("log", data, to);
        }
        case Logs.Piece.Gap gap -> {
          id(gap.attempt(), gap.seq(), to);
          event(
              "gap",
              new JsonObject()
                  .put("attempt", gap.attempt())
                  .put("seq", gap.seq())
                  .put("text", gap.text()),
              to);
        }
        case Logs.Piece.Note note -> event("note", new JsonObject().put("text", note.text()), to);
        case Logs.Piece.Ended ended -> {
          JsonObject data = new JsonObject().put("state", ended.state());
          ended.reason().ifPresent(why -> data.put("reason", why));
          event("end", data, to);
        }
      }
    }

    /** Returns the bytes without the newline that ends them, unless their line goes on. */
    private static byte[] lineOf(Logs.Piece.Printed printed) {
      byte[] bytes = printed.bytes();
      return printed.partial() ? bytes : Arrays.copyOf(bytes, bytes.length - 1);
    }

    /** Returns whether the bytes are no UTF-8, for example because a character is cut in two. */
    private static boolean hasLost(String text, byte[] bytes) {
      return text.indexOf(REPLACEMENT) >= 0
          && !Arrays.equals(text.getBytes(StandardCharsets.UTF_8), bytes);
    }

    private static void id(int attempt, long seq, Buffer to) {
      to.appendString("id: " + new LogQuery.Place(attempt, seq) + "\n");
    }

    private static void event(String name, JsonObject data, Buffer to) {
      to.appendString("event: " + name + "\ndata: " + data.encode() + "\n\n");
    }

    @Override
    public Buffer sign() {
      return Buffer.buffer(": \n\n");
    }
  }
}
