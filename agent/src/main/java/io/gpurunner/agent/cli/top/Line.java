package io.gpurunner.agent.cli.top;

import io.gpurunner.agent.cli.terminal.CellWidth;
import io.gpurunner.agent.cli.terminal.Plain;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** One line of a frame. No text in it holds a control character. */
record Line(List<Part> parts) {
  static final Line EMPTY = new Line(List.of());

  Line {
    parts = List.copyOf(parts);
  }

  /** A part that looks the same from its beginning to its end. */
  record Part(String text, Ink ink) {}

  static Line of(String text, Ink ink) {
    return new Builder().add(text, ink).build();
  }

  /** Returns the line without colours, and without blanks at its end. */
  String text() {
    return parts.stream().map(Part::text).collect(Collectors.joining()).stripTrailing();
  }

  /** Returns the line as a terminal takes it. */
  String painted(boolean coloured) {
    return coloured
        ? parts.stream().map(part -> part.ink().of(part.text())).collect(Collectors.joining())
        : text();
  }

  int width() {
    return parts.stream().mapToInt(part -> CellWidth.of(part.text())).sum();
  }

  /** Returns the line with at most so many columns. */
  Line cut(int columns) {
    if (width() <= columns) {
      return this;
    }
    Builder cut = new Builder();
    int left = columns;
    for (Part part : parts) {
      int width = CellWidth.of(part.text());
      if (width > left) {
        return cut.add(CellWidth.cut(part.text(), left), part.ink()).build();
      }
      cut.add(part.text(), part.ink());
      left -= width;
    }
    return cut.build();
  }

  /** Returns the line in one look, as wide as the frame. */
  Line all(Ink ink, int columns) {
    return new Builder().cell(text(), columns, ink).build();
  }

  /** Puts a line together from left to right. Not thread-safe. */
  static final class Builder {
    private final List<Part> parts = new ArrayList<>();
    private int width;

    /** Adds a text. It may come from outside. */
    Builder add(String text, Ink ink) {
      String plain = Plain.line(text);
      width += CellWidth.of(plain);
      parts.add(new Part(plain, ink));
      return this;
    }

    Builder add(String text) {
      return add(text, Ink.PLAIN);
    }

    /** Adds a text that takes exactly so many columns: it is cut, or blanks follow it. */
    Builder cell(String text, int columns, Ink ink) {
      String cut = CellWidth.cut(Plain.line(text), columns);
      return add(cut, ink).gap(columns - CellWidth.of(cut));
    }

    /** Adds a text at the end of so many columns. */
    Builder right(String text, int columns, Ink ink) {
      String cut = CellWidth.cut(Plain.line(text), columns);
      return gap(columns - CellWidth.of(cut)).add(cut, ink);
    }

    Builder gap(int columns) {
      return columns > 0 ? add(" ".repeat(columns)) : this;
    }

    int width() {
      return width;
    }

    Line build() {
      return new Line(parts);
    }
  }
}
