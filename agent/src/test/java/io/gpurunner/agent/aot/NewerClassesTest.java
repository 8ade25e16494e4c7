package io.gpurunner.agent.aot;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Rewrites picocli's jar, as the build does. */
final class NewerClassesTest {
  private static final String MANIFEST = "META-INF/MANIFEST.MF";

  @TempDir private Path directory;
  private Path original;
  private Path jar;

  @BeforeEach
  void rewrite() throws Exception {
    original =
        Path.of(CommandLine.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    jar = Files.copy(original, directory.resolve("picocli.jar"));
    NewerClasses.rewrite(jar);
  }

  @Test
  void everyClassIsNewEnoughForTheCache() throws Exception {
    try (ZipFile before = new ZipFile(original.toFile());
        ZipFile after = new ZipFile(jar.toFile())) {
      assertThat(classes(after)).hasSameSizeAs(classes(before)).hasSizeGreaterThan(100);
      for (ZipEntry entry : classes(after)) {
        assertThat(ClassFile.of().parse(bytes(after, entry)).majorVersion())
            .as(entry.getName())
            .isGreaterThanOrEqualTo(ClassFile.JAVA_6_VERSION);
      }
    }
  }

  @Test
  void theRestOfTheJarStaysAndSaysThatItWasChanged() throws Exception {
    try (ZipFile before = new ZipFile(original.toFile());
        ZipFile after = new ZipFile(jar.toFile())) {
      assertThat(bytes(after, after.getEntry(MANIFEST)))
          .isEqualTo(bytes(before, before.getEntry(MANIFEST)));
      assertThat(after.getEntry("META-INF/CHANGED-BY-GPURUNNER.txt")).isNotNull();
    }
    assertThat(Files.getPosixFilePermissions(jar))
        .isEqualTo(Files.getPosixFilePermissions(original));
    assertThat(directory.toFile().list()).containsExactly("picocli.jar");
  }

  /** Java verifies a class when it is initialized. */
  @Test
  void everyClassIsVerifiedAndTheLibraryWorks() throws Exception {
    try (URLClassLoader loader =
            new URLClassLoader(
                new URL[] {jar.toUri().toURL()}, ClassLoader.getPlatformClassLoader());
        ZipFile after = new ZipFile(jar.toFile())) {
      for (ZipEntry entry : classes(after)) {
        String name = entry.getName();
        if (name.startsWith("picocli/")) {
          String binaryName = name.substring(0, name.length() - ".class".length());
          assertThat(Class.forName(binaryName.replace('/', '.'), true, loader).getClassLoader())
              .isSameAs(loader);
        }
      }
      Class<?> help = Class.forName("picocli.CommandLine$HelpCommand", true, loader);
      Class<?> commandLine = Class.forName("picocli.CommandLine", true, loader);
      Object command =
          commandLine.getConstructor(Object.class).newInstance(help.getConstructor().newInstance());

      assertThat(commandLine.getMethod("getUsageMessage").invoke(command))
          .asString()
          .contains("Usage: help");
    }
  }

  @Test
  void eachBuildHasTheSameJar() throws Exception {
    Path again = Files.copy(original, directory.resolve("again.jar"));

    NewerClasses.rewrite(again);

    assertThat(again).hasSameBinaryContentAs(jar);
    try (ZipFile before = new ZipFile(original.toFile());
        ZipFile after = new ZipFile(jar.toFile())) {
      assertThat(after.getEntry("META-INF/CHANGED-BY-GPURUNNER.txt").getTimeLocal())
          .as("the time of no build")
          .isEqualTo("2026-01-01T00:00");
      assertThat(after.getEntry(MANIFEST).getTimeLocal())
          .isEqualTo(before.getEntry(MANIFEST).getTimeLocal());
    }
  }

  @Test
  void toRewriteAgainChangesNoClass() throws Exception {
    Path again = Files.copy(jar, directory.resolve("again.jar"));

    NewerClasses.rewrite(again);

    try (ZipFile once = new ZipFile(jar.toFile());
        ZipFile twice = new ZipFile(again.toFile())) {
      assertThat(names(twice)).isEqualTo(names(once));
      for (ZipEntry entry : classes(once)) {
        assertThat(bytes(twice, twice.getEntry(entry.getName()))).isEqualTo(bytes(once, entry));
      }
    }
  }

  private static List<ZipEntry> classes(ZipFile jar) {
    List<ZipEntry> classes = new ArrayList<>();
    jar.stream().filter(entry -> entry.getName().endsWith(".class")).forEach(classes::add);
    return classes;
  }

  private static List<String> names(ZipFile jar) {
    return jar.stream().map(ZipEntry::getName).toList();
  }

  private static byte[] bytes(ZipFile jar, ZipEntry entry) throws Exception {
    try (InputStream in = jar.getInputStream(entry)) {
      return in.readAllBytes();
    }
  }
}
