package io.gpurunner.agent.cli;

import io.gpurunner.agent.auth.AuthException;
import io.gpurunner.agent.auth.SecretFiles;
import io.gpurunner.agent.config.AgentConfig;
import io.gpurunner.agent.config.HttpConfig.TlsConfig;
import io.gpurunner.agent.config.StoreConfig;
import io.gpurunner.storage.FileFault;
import io.gpurunner.storage.KeyFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Checks whether the user that runs the command can use the files that {@code serve} needs. {@code
 * serve} and {@code config check} call it. Creates and changes nothing. One object makes one check,
 * on one thread.
 */
final class ServeFiles {
  private final List<String> faults = new ArrayList<>();

  private ServeFiles() {}

  /**
   * Checks all files.
   *
   * @throws UnusableFilesException with everything that is wrong
   */
  static void require(AgentConfig config) {
    ServeFiles look = new ServeFiles();
    look.creatable("state-dir", config.stateDir());
    look.secret("auth.secret-file", config.auth().secretFile());
    look.roomForSecret(config);
    look.secret("the callbacks' key", config.callbackKeyFile());
    look.secret("the artifacts' key", config.secretsDirectory().resolve("artifacts.key"));
    config.http().tls().ifPresent(look::tls);
    config.tls().caFile().ifPresent(look::authorities);
    if (config.store().type() == StoreConfig.Type.S3) {
      StoreConfig.S3Config s3 = config.store().s3();
      s3.accessKeyFile().ifPresent(file -> look.key("store.s3.access-key-file", file));
      s3.secretKeyFile().ifPresent(file -> look.key("store.s3.secret-key-file", file));
    }
    if (!look.faults.isEmpty()) {
      throw new UnusableFilesException(look.faults);
    }
  }

  /** Checks a directory that exists, or can be created below the nearest one that does. */
  private void creatable(String key, Path directory) {
    Path nearest = directory;
    while (Files.notExists(nearest)) {
      nearest = Optional.ofNullable(nearest.getParent()).orElseThrow();
    }
    if (!Files.isDirectory(nearest)) {
      faults.add(
          "%s: %s cannot be created: %s is not a directory".formatted(key, directory, nearest));
    } else if (!Files.isWritable(nearest)) {
      faults.add(
          "%s: %s cannot be %s: %s may not write to %s; run as the user that owns it"
              .formatted(
                  key, directory, nearest.equals(directory) ? "used" : "created", user(), nearest));
    }
  }

  private void secret(String key, Path file) {
    try {
      SecretFiles.check(file);
    } catch (AuthException refused) {
      faults.add(key + ": " + refused.getMessage());
    }
  }

  /**
   * Checks whether the API's secret can be created if it is absent. The state directory was checked
   * already.
   */
  private void roomForSecret(AgentConfig config) {
    Path file = config.auth().secretFile();
    if (Files.notExists(file) && !file.startsWith(config.stateDir())) {
      creatable("auth.secret-file", Optional.ofNullable(file.getParent()).orElse(file));
    }
  }

  private void tls(TlsConfig tls) {
    faults.addAll(PemFiles.faults(tls));
  }

  private void authorities(Path file) {
    PemFiles.certificateFault(file, "certificates of authorities, each beginning with ")
        .ifPresent(why -> faults.add("tls.ca-file: " + file + " " + why));
  }

  /** Checks a key file as the store will read it. */
  private void key(String key, Path file) {
    try {
      if (KeyFile.word(file).isEmpty()) {
        faults.add("%s: %s %s".formatted(key, file, KeyFile.NO_WORD));
      }
    } catch (IOException unreadable) {
      faults.add(
          "%s: %s cannot be read as %s: %s"
              .formatted(key, file, user(), FileFault.words(unreadable, file)));
    }
  }

  private static String user() {
    return "user " + System.getProperty("user.name", "?");
  }
}
