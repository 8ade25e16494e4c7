package io.gpurunner.agent.aot;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.classfile.ClassElement;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFile.ClassHierarchyResolverOption;
import java.lang.classfile.ClassFile.StackMapsOption;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.MethodModel;
import java.lang.classfile.MethodTransform;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.LocalDateTime;
import java.time.Month;
import java.util.Collections;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * Raises the version of the classes in a jar to Java 6's. Java's ahead-of-time cache takes no class
 * of an older version, and picocli's are of Java 5. A class of Java 6 has stack maps, from which
 * Java verifies its methods, so these are added; nothing else of a class changes. The build runs
 * this once on the tree that it leaves ({@code make dist}).
 */
final class NewerClasses {
  /** The first version that the cache takes. */
  private static final int VERSION = ClassFile.JAVA_6_VERSION;

  /** Tells readers of the jar that it was changed, as the Apache License demands. */
  private static final String NOTICE = "META-INF/CHANGED-BY-GPURUNNER.txt";

  /** The time of the notice. It is always the same, so that each build has the same jar. */
  private static final LocalDateTime NOTICE_TIME = LocalDateTime.of(2026, Month.JANUARY, 1, 0, 0);

  private static final String NOTICE_TEXT =
      """
      The build of gpurunner raised the version of the classes in this jar to that of Java 6, and
      added the stack maps that this version has. Nothing else was changed.
      """;

  private final ClassFile classes;

  private NewerClasses(ClassLoader all) {
    this.classes =
        ClassFile.of(
            StackMapsOption.GENERATE_STACK_MAPS,
            ClassHierarchyResolverOption.of(
                ClassHierarchyResolver.ofResourceParsing(all).cached()));
  }

  /** Rewrites the jars that the arguments name. */
  public static void main(String[] arguments) throws IOException {
    for (String jar : arguments) {
      rewrite(Path.of(jar));
    }
  }

  /** Rewrites a jar in its place. Classes that are new enough stay as they are. */
  static void rewrite(Path jar) throws IOException {
    Path rewritten = Files.createTempFile(jar.toAbsolutePath().getParent(), "rewritten", ".part");
    try {
      try (ZipFile from = new ZipFile(jar.toFile());
          URLClassLoader all = new URLClassLoader(new URL[] {jar.toUri().toURL()});
          OutputStream file = Files.newOutputStream(rewritten);
          ZipOutputStream to = new ZipOutputStream(file)) {
        new NewerClasses(all).copy(from, to);
      }
      Files.setPosixFilePermissions(rewritten, Files.getPosixFilePermissions(jar));
      Files.move(rewritten, jar, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(rewritten);
    }
  }

  private void copy(ZipFile from, ZipOutputStream to) throws IOException {
    for (ZipEntry entry : Collections.list(from.entries())) {
      if (!entry.getName().equals(NOTICE)) {
        ZipEntry copy = new ZipEntry(entry.getName());
        copy.setTimeLocal(entry.getTimeLocal()); // in any time zone the same bytes
        to.putNextEntry(copy);
        try (InputStream in = from.getInputStream(entry)) {
          byte[] bytes = in.readAllBytes();
          to.write(entry.getName().endsWith(".class") ? newer(bytes) : bytes);
        }
      }
    }
    ZipEntry notice = new ZipEntry(NOTICE);
    notice.setTimeLocal(NOTICE_TIME);
    to.putNextEntry(notice);
    to.write(NOTICE_TEXT.getBytes(StandardCharsets.UTF_8));
    to.closeEntry();
  }

  private byte[] newer(byte[] bytes) {
    ClassModel old = classes.parse(bytes);
    return old.majorVersion() >= VERSION ? bytes : classes.transformClass(old, raised());
  }

  private static ClassTransform raised() {
    // The code of a method that is copied as a whole would get no stack map.
    MethodTransform assembledAgain =
        MethodTransform.transformingCode((code, element) -> code.with(element));
    return (builder, element) -> {
      switch (element) {
        case ClassFileVersion _ -> builder.withVersion(VERSION, 0);
        case MethodModel method -> builder.transformMethod(method, assembledAgain);
        case ClassElement other -> builder.with(other);
      }
    };
  }
}
