package io.gpurunner.agent.ledger.disk;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.constantpool.StringEntry;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * All statements of the ledger, as they stand in its compiled classes: a new one is among them
 * without anybody adding it to a list. Stateless.
 */
final class IndexStatements {
  private static final Pattern STATEMENT =
      Pattern.compile("(select|insert|update|delete|merge|with) .*", Pattern.DOTALL);

  /** What H2 keeps of itself, which is small. */
  private static final Pattern OF_THE_SCHEMA =
      Pattern.compile(".* from information_schema\\..*", Pattern.DOTALL);

  /** Where a text is put together when it is needed, the compiler leaves this in it. */
  private static final String JOINED_LATER = "\u0001";

  private IndexStatements() {}

  /** Each statement once. */
  static List<String> all() {
    return texts()
        .filter(text -> STATEMENT.matcher(text.toLowerCase(Locale.ROOT)).matches())
        .filter(text -> !OF_THE_SCHEMA.matcher(text).matches())
        .distinct()
        .sorted()
        .toList();
  }

  /** The statements that read. */
  static List<String> reading() {
    return all().stream().filter(text -> text.startsWith("select ")).toList();
  }

  /** The statements that change rows. */
  static List<String> writing() {
    return all().stream().filter(text -> !text.startsWith("select ")).toList();
  }

  /** The statements that are not one constant text, so that nobody knows them before they run. */
  static List<String> joinedLater() {
    return all().stream().filter(text -> text.contains(JOINED_LATER)).toList();
  }

  private static Stream<String> texts() {
    try (Stream<Path> files = Files.list(classes())) {
      return files
          .filter(file -> file.toString().endsWith(".class"))
          .flatMap(file -> texts(file))
          .toList()
          .stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Path classes() {
    URI root;
    try {
      root = IndexRows.class.getProtectionDomain().getCodeSource().getLocation().toURI();
    } catch (URISyntaxException e) {
      throw new AssertionError("classes are in a directory", e);
    }
    return Path.of(root).resolve(IndexRows.class.getPackageName().replace('.', '/'));
  }

  private static Stream<String> texts(Path file) {
    try {
      return StreamSupport.stream(ClassFile.of().parse(file).constantPool().spliterator(), false)
          .filter(StringEntry.class::isInstance)
          .map(entry -> ((StringEntry) entry).stringValue());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
