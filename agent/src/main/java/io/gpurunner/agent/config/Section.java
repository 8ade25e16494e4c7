package io.gpurunner.agent.config;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import org.snakeyaml.engine.v2.nodes.Tag;

/**
 * A mapping of the file while it is read. Each key is read once, and a key that is never read is
 * unknown. A bad value is reported and replaced by its default, so that one reading finds every
 * error. Each key that is read is also written to a text, with the value in effect.
 *
 * <p>Aliases need no limit of their own: the schema is fixed, and each alias is read only as often
 * as the schema reads it.
 */
final class Section {
  private static final int MAX_LIST_LENGTH = 1024;
  private static final int MAX_SHOWN_LENGTH = 80;

  private final String prefix;
  private final Findings findings;
  private final StringBuilder inEffect;
  private final Map<String, NodeTuple> unread = new LinkedHashMap<>();
  private final Map<String, Mark> marks = new LinkedHashMap<>();
  private final List<String> known = new ArrayList<>();
  private final Set<String> bad = new HashSet<>();

  /**
   * Reads the whole file, and reports its unknown keys.
   *
   * @param node empty if the file holds no key
   * @param findings collects what is wrong with the file
   * @param inEffect gets a line for each key of the schema, with the value in effect
   * @param reader reads every key of the file
   */
  static <T> T readFile(
      Optional<MappingNode> node,
      Findings findings,
      StringBuilder inEffect,
      Function<Section, T> reader) {
    return new Section("", node, findings, inEffect).readAll(reader);
  }

  /**
   * @param prefix the dotted key of this section with a dot at its end; empty for the whole file
   * @param node empty if the file does not mention the section
   */
  private Section(
      String prefix, Optional<MappingNode> node, Findings findings, StringBuilder inEffect) {
    this.prefix = prefix;
    this.findings = findings;
    this.inEffect = inEffect;
    node.ifPresent(mapping -> mapping.getValue().forEach(this::remember));
  }

  private void remember(NodeTuple entry) {
    Node key = entry.getKeyNode();
    Mark mark = mark(key);
    if (!(key instanceof ScalarNode scalar)) {
      findings.add(mark, prefix + "?", "a key must be a plain word");
      return;
    }
    String name = scalar.getValue();
    Mark first = marks.putIfAbsent(name, mark);
    if (first != null) {
      String where = "is given twice, first in line " + (first.getLine() + 1);
      findings.add(mark, shown(prefix + name), where + "; keep one of them");
      return;
    }
    unread.put(name, entry);
  }

  <T> T value(String key, T fallback, ValueForm<T> form) {
    T value = given(key, form).orElse(fallback);
    write(key, form.writer().apply(value));
    return value;
  }

  /** Reads a key that has no default. */
  <T> Optional<T> optional(String key, ValueForm<T> form) {
    Optional<T> value = given(key, form);
    write(key, value.map(form.writer()).orElse(""));
    return value;
  }

  private <T> Optional<T> given(String key, ValueForm<T> form) {
    return take(key).flatMap(node -> read(key, node, form));
  }

  /**
   * Reads the path of a file that must exist. A file that cannot be looked at (no permission)
   * passes here, and its reader reports it.
   */
  Optional<Path> existingFile(String key) {
    Optional<Path> file = optional(key, ValueForms.ABSOLUTE_PATH);
    file.filter(Files::notExists).ifPresent(absent -> error(key, "no such file: " + absent));
    return file;
  }

  /** Reads a list, which is empty by default. */
  <T> List<T> list(String key, ValueForm<T> form) {
    return list(key, List.of(), form);
  }

  /** Reads a list. A list in the file replaces the default, also an empty one. */
  <T> List<T> list(String key, List<T> fallback, ValueForm<T> form) {
    List<T> values = take(key).map(list -> elements(key, list, form)).orElse(fallback);
    write(key, values.stream().map(form.writer()).collect(Collectors.joining(", ", "[", "]")));
    return values;
  }

  private <T> List<T> elements(String key, Node node, ValueForm<T> form) {
    if (!(node instanceof SequenceNode sequence)) {
      wrongKind(key, node, "a list of which each is " + form.accepted());
      return List.of();
    }
    List<T> values = new ArrayList<>();
    Iterator<Node> elements = sequence.getValue().iterator();
    for (int index = 0; elements.hasNext(); index++) {
      Node element = elements.next();
      if (index == MAX_LIST_LENGTH) {
        report(element, key, "has more entries than the " + MAX_LIST_LENGTH + " accepted");
        break;
      }
      read(key + "[" + index + "]", element, form).ifPresent(values::add);
    }
    return List.copyOf(values);
  }

  /** Reads lists whose keys the file chooses, which are none by default. */
  <K, T> Map<K, Set<T>> lists(String key, ValueForm<K> keyForm, ValueForm<T> form) {
    Map<K, Set<T>> lists = givenLists(key, keyForm, form);
    String text =
        lists.entrySet().stream()
            .map(
                entry ->
                    keyForm.writer().apply(entry.getKey())
                        + entry.getValue().stream()
                            .map(form.writer())
                            .collect(Collectors.joining(", ", ": [", "]")))
            .collect(Collectors.joining(", ", "{ ", " }"));
    write(key, lists.isEmpty() ? "" : text);
    return lists;
  }

  private <K, T> Map<K, Set<T>> givenLists(String key, ValueForm<K> keyForm, ValueForm<T> form) {
    Optional<Node> node = take(key);
    if (node.isEmpty()) {
      return Map.of();
    }
    if (!(node.get() instanceof MappingNode mapping)) {
      String lists = "keys, each " + keyForm.accepted() + ", with a list each";
      wrongKind(key, node.get(), lists);
      return Map.of();
    }
    Map<K, Set<T>> lists = new LinkedHashMap<>();
    for (NodeTuple entry : mapping.getValue()) {
      if (lists.size() == MAX_LIST_LENGTH) {
        report(node.get(), key, "has more entries than the " + MAX_LIST_LENGTH + " accepted");
        break;
      }
      read(key, entry.getKeyNode(), keyForm)
          .ifPresent(
              name ->
                  lists
                      .computeIfAbsent(name, _ -> new LinkedHashSet<>())
                      .addAll(elements(key, entry.getValueNode(), form)));
    }
    return lists;
  }

  /**
   * Reads a section, and reports its unknown keys.
   *
   * @param reader reads every key of the section
   */
  <T> T section(String key, Function<Section, T> reader) {
    Optional<Node> node = take(key);
    Optional<MappingNode> mapping =
        node.filter(MappingNode.class::isInstance).map(MappingNode.class::cast);
    if (node.isPresent() && mapping.isEmpty()) {
      wrongKind(key, node.get(), "a section: keys below it, indented, or { key: value, … }");
    }
    write(key, "");
    return new Section(prefix + key + ".", mapping, findings, inEffect).readAll(reader);
  }

  private <T> T readAll(Function<Section, T> reader) {
    T read = reader.apply(this);
    reportUnknown();
    return read;
  }

  /** Writes a key below those that were read before, indented as deep as its section. */
  private void write(String key, String value) {
    long depth = prefix.chars().filter(letter -> letter == '.').count();
    inEffect.append("  ".repeat((int) depth)).append(key).append(':');
    inEffect.append(value.isEmpty() ? "" : " ").append(value).append('\n');
  }

  /**
   * Reports a conflict of a key with other keys, at the key's line if the file has it. Nothing is
   * reported if the key's own value is wrong already.
   */
  void error(String key, String message) {
    if (!bad.contains(key)) {
      findings.add(Optional.ofNullable(marks.get(key)), prefix + key, message);
    }
  }

  private void reportUnknown() {
    for (String name : unread.keySet()) {
      findings.unknown(Optional.ofNullable(marks.get(name)), prefix, name, known);
    }
  }

  /**
   * Returns the key's node. It is empty if the key is absent or has no value. Both mean the
   * default.
   */
  private Optional<Node> take(String key) {
    known.add(key);
    findings.know(prefix + key);
    return Optional.ofNullable(unread.remove(key))
        .map(NodeTuple::getValueNode)
        .filter(node -> !(node instanceof ScalarNode && node.getTag().equals(Tag.NULL)));
  }

  private <T> Optional<T> read(String key, Node node, ValueForm<T> form) {
    if (!(node instanceof ScalarNode scalar)) {
      wrongKind(key, node, form.accepted());
      return Optional.empty();
    }
    try {
      return Optional.of(form.reader().read(scalar.getValue()));
    } catch (IllegalArgumentException notAccepted) {
      String was = "was \"" + shown(scalar.getValue()) + "\"";
      report(node, key, was + "; accepted: " + form.accepted());
      return Optional.empty();
    }
  }

  private void wrongKind(String key, Node node, String accepted) {
    String kind =
        switch (node.getNodeType()) {
          case MAPPING -> "a section";
          case SEQUENCE -> "a list";
          case SCALAR, ANCHOR -> "a single value";
        };
    report(node, key, "was " + kind + "; accepted: " + accepted);
  }

  private void report(Node node, String key, String message) {
    // "simulated[2]" makes "simulated" bad.
    bad.add(key.replaceFirst("\\[.*", ""));
    findings.add(node.getStartMark(), prefix + key, message);
  }

  private static Mark mark(Node node) {
    return node.getStartMark()
        .orElseThrow(() -> new IllegalStateException("the parser keeps marks"));
  }

  /**
   * Returns text of the file for a message: one line, bounded, without anything that a terminal
   * acts on.
   */
  static String shown(String text) {
    String start = text.length() <= MAX_SHOWN_LENGTH ? text : text.substring(0, MAX_SHOWN_LENGTH);
    String clean = start.replaceAll("[\\p{Cntrl}\\p{Cf}\\p{Cs}]", "?");
    return start.length() == text.length() ? clean : clean + "…";
  }
}
