package io.gpurunner.agent.cli.client;

import io.gpurunner.agent.cli.terminal.Plain;
import io.gpurunner.storage.FileFault;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/**
 * A user's file of agents, by name:
 *
 * <pre>
 * current: lab
 * contexts:
 *   lab: { url: "https://gpu.example.org", token-file: lab.token }
 * </pre>
 */
final class Contexts {
  /** The longest file of contexts that is read. */
  static final int MAX_BYTES = 64 << 10;

  private static final String CURRENT = "current";
  private static final String CONTEXTS = "contexts";
  private static final String URL = "url";
  private static final String TOKEN_FILE = "token-file";
  private static final String CA_FILE = "ca-file";

  private final Path file;
  private final Path home;
  private final Map<String, Object> root;

  private Contexts(Path file, Path home, Map<String, Object> root) {
    this.file = file;
    this.home = home;
    this.root = root;
  }

  /** Returns where the file is. It need not exist. */
  static Path file(Surroundings around) {
    Path directory =
        around
            .variable("XDG_CONFIG_HOME")
            .map(Path::of)
            .filter(Path::isAbsolute)
            .orElse(around.home().resolve(".config"));
    return directory.resolve("gpurunner/config.yaml");
  }

  /** Reads the file. The result is empty if there is none. */
  static Optional<Contexts> read(Surroundings around) {
    Path file = file(around);
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(MAX_BYTES + 1);
      if (bytes.length > MAX_BYTES) {
        throw wrong(file, "is larger than the " + MAX_BYTES + " bytes accepted");
      }
      Object yaml =
          new Load(LoadSettings.builder().setLabel(file.toString()).build())
              .loadFromString(new String(bytes, StandardCharsets.UTF_8));
      Map<String, Object> root = yaml == null ? Map.of() : object(file, "the file", yaml);
      requireKnown(file, "", root, List.of(CURRENT, CONTEXTS));
      return Optional.of(new Contexts(file, around.home(), root));
    } catch (NoSuchFileException absent) {
      return Optional.empty();
    } catch (IOException unreadable) {
      throw wrong(file, "cannot be read: " + FileFault.words(unreadable, file));
    } catch (YamlEngineException malformed) {
      throw wrong(file, "not valid YAML: " + words(malformed));
    }
  }

  /** Returns the name of the context that is used if none is named. */
  Optional<String> current() {
    return text("", root, CURRENT);
  }

  /** Returns a context. */
  AgentAddress address(String name) {
    Object all = root.getOrDefault(CONTEXTS, Map.of());
    Map<String, Object> contexts = object(file, CONTEXTS, all);
    String place = CONTEXTS + "." + name;
    Object found = contexts.get(name);
    if (found == null) {
      throw wrong(
          file,
          "there is no context "
              + name
              + (contexts.isEmpty() ? "" : "; accepted: " + String.join(", ", contexts.keySet())));
    }
    Map<String, Object> context = object(file, place, found);
    requireKnown(file, place + ".", context, List.of(URL, TOKEN_FILE, CA_FILE));
    Path tokenFile = resolved(required(place, context, TOKEN_FILE));
    String source = "context " + name + " of " + file;
    return new AgentAddress(
        AgentAddress.checked(required(place, context, URL), source),
        source,
        () -> TokenFile.read(tokenFile),
        tokenFile.toString(),
        text(place, context, CA_FILE).map(ca -> new Trust(resolved(ca), false)),
        "check the URL in " + source + ", and the network");
  }

  private String required(String place, Map<String, Object> context, String key) {
    return text(place, context, key)
        .orElseThrow(() -> wrong(file, place + "." + key + " is missing"));
  }

  private Optional<String> text(String place, Map<String, Object> from, String key) {
    @Nullable Object value = from.get(key);
    return switch (value) {
      case null -> Optional.empty();
      case String text -> Optional.of(text);
      default -> throw wrong(file, (place.isEmpty() ? key : place + "." + key) + ": must be text");
    };
  }

  /** Returns a path that may begin with {@code ~/} or be relative to the file. */
  private Path resolved(String path) {
    Path directory = Optional.ofNullable(file.getParent()).orElse(home);
    return path.startsWith("~/") ? home.resolve(path.substring(2)) : directory.resolve(path);
  }

  private static Map<String, Object> object(Path file, String place, Object value) {
    if (value instanceof Map<?, ?> map) {
      Map<String, Object> object = new LinkedHashMap<>();
      map.forEach((key, member) -> object.put(String.valueOf(key), member));
      return object;
    }
    throw wrong(file, place + ": must hold keys and values (key: value)");
  }

  private static void requireKnown(
      Path file, String place, Map<String, Object> object, List<String> known) {
    object.keySet().stream()
        .filter(key -> !known.contains(key))
        .findFirst()
        .ifPresent(
            key -> {
              throw wrong(
                  file, place + key + ": unknown key; accepted: " + String.join(", ", known));
            });
  }

  /** Returns what is wrong and where, without the text of the file, which may hold a secret. */
  private static String words(YamlEngineException malformed) {
    if (malformed instanceof MarkedYamlEngineException marked) {
      String line =
          marked.getProblemMark().map(mark -> " in line " + (mark.getLine() + 1)).orElse("");
      return Plain.line(marked.getProblem()) + line;
    }
    return Plain.line(String.valueOf(malformed.getMessage()));
  }

  private static CommandFailedException wrong(Path file, String what) {
    return new CommandFailedException(ExitStatus.USAGE, file + ": " + what);
  }
}
