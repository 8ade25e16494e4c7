package io.gpurunner.agent.container.docker;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.github.dockerjava.api.model.AuthConfig;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.PullFault;
import io.gpurunner.api.ImageReference;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The passwords of registries, from a file in the form of Docker's config.json. The file is read
 * for each pull, so a change counts at once. No message has a part of what it holds, except the
 * names of registries and helpers. Thread-safe.
 */
final class RegistryCredentials {
  private static final int FILE_BYTES_LIMIT = 1 << 20;

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path file;

  RegistryCredentials(Path file) {
    this.file = file;
  }

  /**
   * Returns what the file has for the registry of an image. It is empty if the file does not exist
   * or does not name the registry: then the pull is anonymous.
   *
   * @throws ContainerException FAILED if the file cannot be read, or leaves it to a program to know
   *     the password
   */
  Optional<AuthConfig> of(ImageReference image) {
    Optional<JsonNode> content = read();
    if (content.isEmpty()) {
      return Optional.empty();
    }
    String registry = image.fullRegistry();
    Optional<JsonNode> helper = entry(content.get().path("credHelpers"), registry);
    if (helper.isPresent()) {
      throw leftToAProgram(registry, helper.get().asText());
    }
    Optional<JsonNode> known = entry(content.get().path("auths"), registry);
    Optional<AuthConfig> auth = known.flatMap(entry -> auth(entry, registry));
    String store = content.get().path("credsStore").asText("");
    if (known.isPresent() && auth.isEmpty() && !store.isEmpty()) {
      throw leftToAProgram(registry, store);
    }
    return auth;
  }

  /**
   * Returns whether the file names the registry of an image.
   *
   * @throws ContainerException FAILED if the file cannot be read
   */
  boolean has(ImageReference image) {
    String registry = image.fullRegistry();
    return read()
        .filter(
            content ->
                entry(content.path("credHelpers"), registry).isPresent()
                    || entry(content.path("auths"), registry).isPresent())
        .isPresent();
  }

  private ContainerException leftToAProgram(String registry, String helper) {
    return failure(
        "it leaves the password of "
            + registry
            + " to the credential helper \""
            + EngineErrors.bounded(helper)
            + "\", which the agent does not run; put the password into a file of its own (docker"
            + " --config DIRECTORY login "
            + registry
            + ") and name that file");
  }

  private ContainerException failure(String what) {
    return ContainerException.of(
        PullFault.NO_PASSWORDS, "images.credentials-file " + file, "cannot be used: " + what);
  }

  private Optional<JsonNode> read() {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(FILE_BYTES_LIMIT + 1);
      if (bytes.length > FILE_BYTES_LIMIT) {
        throw failure("it is longer than " + FILE_BYTES_LIMIT + " bytes");
      }
      return Optional.of(JSON.readTree(bytes));
    } catch (NoSuchFileException absent) {
      return Optional.empty();
    } catch (JsonProcessingException notJson) {
      // Its message would show a part of the file.
      throw failure("it is not valid JSON");
    } catch (IOException e) {
      throw failure(e.getClass().getSimpleName());
    }
  }

  /** Returns the entry of a registry. Docker writes some registries as URLs. */
  private static Optional<JsonNode> entry(JsonNode entries, String registry) {
    for (Map.Entry<String, JsonNode> entry : entries.properties()) {
      if (registryOf(entry.getKey()).equals(registry)) {
        return Optional.of(entry.getValue());
      }
    }
    return Optional.empty();
  }

  private static String registryOf(String key) {
    String host = key.toLowerCase(Locale.ROOT).replaceFirst("^https?://", "");
    int slash = host.indexOf('/');
    String name = slash < 0 ? host : host.substring(0, slash);
    return name.equals("index.docker.io") || name.equals("registry-1.docker.io")
        ? ImageReference.DOCKER_HUB
        : name;
  }

  private Optional<AuthConfig> auth(JsonNode entry, String registry) {
    AuthConfig auth = new AuthConfig().withRegistryAddress(registry);
    String token = entry.path("identitytoken").asText("");
    if (!token.isEmpty()) {
      return Optional.of(auth.withIdentityToken(token));
    }
    String pair = entry.path("auth").asText("");
    if (pair.isEmpty()) {
      String user = entry.path("username").asText("");
      return user.isEmpty()
          ? Optional.empty()
          : Optional.of(auth.withUsername(user).withPassword(entry.path("password").asText("")));
    }
    String decoded = decoded(pair, registry);
    int colon = decoded.indexOf(':');
    if (colon < 1) {
      throw failure("the auth of " + registry + " is not user:password in Base64");
    }
    return Optional.of(
        auth.withUsername(decoded.substring(0, colon)).withPassword(decoded.substring(colon + 1)));
  }

  private String decoded(String pair, String registry) {
    try {
      return new String(Base64.getDecoder().decode(pair), UTF_8).replaceAll("\0+$", "");
    } catch (IllegalArgumentException notBase64) {
      throw failure("the auth of " + registry + " is not user:password in Base64");
    }
  }
}
