package io.gpurunner.agent.auth;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class SecretFilesTest {
  @TempDir private Path directory;

  @Test
  void madeOnceForItsOwnerAlone() throws IOException {
    Path secrets = directory.resolve("state/secrets");
    Path file = secrets.resolve("jwt.key");
    byte[] key = SecretFiles.loadOrCreate(file);
    assertThat(key).hasSizeGreaterThanOrEqualTo(64);
    assertThat(SecretFiles.loadOrCreate(file)).isEqualTo(key);
    assertThat(mode(file)).isEqualTo("rw-------");
    assertThat(mode(secrets)).isEqualTo("rwx------");
    assertThat(Files.readString(file).strip().getBytes(US_ASCII)).isEqualTo(key);
    try (Stream<Path> left = Files.list(secrets)) {
      assertThat(left).containsExactly(file);
    }
  }

  @Test
  void everyMakerGetsTheSameSecret() throws Exception {
    int makers = 16;
    for (int round = 0; round < 20; round++) {
      Path file = directory.resolve("race" + round).resolve("key");
      CountDownLatch start = new CountDownLatch(1);
      List<Future<String>> results = new ArrayList<>();
      try (ExecutorService threads = Executors.newFixedThreadPool(makers)) {
        for (int maker = 0; maker < makers; maker++) {
          results.add(
              threads.submit(
                  () -> {
                    start.await();
                    return HexFormat.of().formatHex(SecretFiles.loadOrCreate(file));
                  }));
        }
        start.countDown();
      }
      assertThat(results.stream().map(Future::resultNow).collect(Collectors.toSet())).hasSize(1);
    }
  }

  @Test
  void belongsToTheOwnerOfItsDirectory() throws IOException {
    Path service = Files.createDirectory(directory.resolve("state"));
    String maker = Files.getOwner(service).getName();
    // Only root can give a directory away: for anybody else, owner and maker are one.
    String owner = maker.equals("root") ? "nobody" : maker;
    Files.setOwner(
        service,
        service.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByName(owner));
    Path secrets = service.resolve("secrets");
    Path file = secrets.resolve("jwt.key");
    SecretFiles.loadOrCreate(file);
    assertThat(Files.getOwner(file).getName()).isEqualTo(owner);
    assertThat(Files.getOwner(secrets).getName()).isEqualTo(owner);
  }

  @ParameterizedTest
  @ValueSource(strings = {"rw-r-----", "rw----r--", "rw--w----", "rw------x"})
  void othersMayNotReadIt(String mode) throws IOException {
    Path file = directory.resolve("jwt.key");
    SecretFiles.loadOrCreate(file);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
    refused(file, "run: chmod 600 " + file);
  }

  @Test
  void whatIsNoKey() throws IOException {
    Path file = directory.resolve("jwt.key");
    SecretFiles.loadOrCreate(file);
    Files.writeString(file, "short\n");
    refused(file, "must hold 64 to 4096 bytes, holds 5; create a new one with: ");
    Files.writeString(file, "x".repeat(5000));
    refused(file, "holds more");
    refused(directory, "cannot be read or created as user ");
    Path below = file.resolve("below");
    refused(below, "cannot be read or created as user ");
    refused(below, file + ": is not a directory");
  }

  @Test
  void aCheckMakesNothingAndRefusesWhatLoadingDoes() throws IOException {
    Path file = directory.resolve("state/secrets/jwt.key");
    SecretFiles.check(file);
    assertThat(directory).isEmptyDirectory();
    Files.createDirectories(file.getParent());
    Files.writeString(file, "short");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    assertThatExceptionOfType(AuthException.class)
        .isThrownBy(() -> SecretFiles.check(file))
        .withMessageContaining("must hold 64 to 4096 bytes, holds 5");
  }

  @Test
  void aSecretOfSomebodyElsesMaking() throws IOException {
    Path file = directory.resolve("jwt.key");
    SecretFiles.loadOrCreate(file);
    Files.writeString(file, "k".repeat(64) + "\r\n");
    assertThat(SecretFiles.loadOrCreate(file)).isEqualTo("k".repeat(64).getBytes(US_ASCII));
  }

  private static void refused(Path file, String why) {
    assertThatExceptionOfType(AuthException.class)
        .isThrownBy(() -> SecretFiles.loadOrCreate(file))
        .withMessageStartingWith("secret " + file + ": ")
        .withMessageContaining(why);
  }

  private static String mode(Path file) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
  }
}
