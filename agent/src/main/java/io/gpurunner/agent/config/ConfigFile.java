package io.gpurunner.agent.config;

import io.gpurunner.storage.FileFault;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.api.lowlevel.Parse;
import org.snakeyaml.engine.v2.events.CollectionEndEvent;
import org.snakeyaml.engine.v2.events.CollectionStartEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.Tag;
import org.snakeyaml.engine.v2.schema.CoreSchema;

/** Reads {@code gpurunner.yaml}. Stateless; called once at the start of every command. */
public final class ConfigFile {
  /** The file that is read if the command line names no other. */
  public static final Path DEFAULT_PATH = Path.of("/etc/gpurunner/gpurunner.yaml");

  private static final int MAX_FILE_BYTES = 256 * 1024;
  private static final int MAX_DEPTH = 16;
  private static final int MAX_ALIASES = 50;

  private ConfigFile() {}

  /**
   * A configuration, and its text.
   *
   * @param text every key with the value in effect, as YAML that reads back to the same
   *     configuration; it holds no secret, because secrets are files and only their paths are in it
   */
  public record Effective(AgentConfig config, String text) {}

  /**
   * Reads a file that must exist.
   *
   * @throws ConfigException with every error of the file, or why it could not be read
   */
  public static AgentConfig load(Path file) {
    return read(file).config();
  }

  private static Effective read(Path file) {
    try {
      return read(file.toString(), text(file));
    } catch (NoSuchFileException absent) {
      throw unreadable(file, "no such file; create it (an empty file is valid) or name another");
    } catch (CharacterCodingException notUtf8) {
      throw unreadable(file, "is not UTF-8 text");
    } catch (IOException failure) {
      throw unreadable(file, "cannot be read: " + FileFault.words(failure, file));
    }
  }

  /**
   * Reads the file named on the command line; without one, the file at the default path, which may
   * be absent.
   *
   * @throws ConfigException as {@link #load}
   */
  public static Effective readOrDefaults(Optional<Path> named) {
    return readOrDefaults(named, DEFAULT_PATH);
  }

  static Effective readOrDefaults(Optional<Path> named, Path defaultPath) {
    Path file = named.orElse(defaultPath);
    return named.isEmpty() && Files.notExists(file) ? read("defaults", "") : read(file);
  }

  /**
   * @param name how messages call the source
   */
  static AgentConfig parse(String name, String yaml) {
    return read(name, yaml).config();
  }

  static Effective read(String name, String yaml) {
    Findings findings = new Findings(name);
    StringBuilder text = new StringBuilder();
    AgentConfig config = Section.readFile(root(name, yaml), findings, text, AgentConfig::read);
    findings.throwIfAny();
    return new Effective(config, text.toString());
  }

  private static Optional<MappingNode> root(String name, String yaml) {
    // Keys that are not words are allowed here. Section refuses them and names their line.
    LoadSettings settings =
        LoadSettings.builder()
            .setLabel(name)
            .setSchema(new CoreSchema())
            .setMaxAliasesForCollections(MAX_ALIASES)
            .setAllowNonScalarKeys(true)
            .build();
    try {
      requireShallow(name, new Parse(settings).parseString(yaml));
      Optional<Node> node = new Compose(settings).composeString(yaml);
      if (node.isEmpty() || node.get().getTag().equals(Tag.NULL)) {
        return Optional.empty();
      }
      if (node.get() instanceof MappingNode mapping) {
        return Optional.of(mapping);
      }
      throw at(name, node.get().getStartMark(), "the file must hold keys and values (key: value)");
    } catch (MarkedYamlEngineException malformed) {
      Optional<Mark> mark = malformed.getProblemMark().or(malformed::getContextMark);
      throw at(name, mark, "not valid YAML: " + Section.shown(malformed.getProblem()));
    } catch (YamlEngineException malformed) {
      throw at(name, Optional.empty(), "not valid YAML: " + Section.shown(message(malformed)));
    }
  }

  /** Refuses deep nesting. The composer recurses, so endless nesting must not reach it. */
  private static void requireShallow(String name, Iterable<Event> events) {
    int depth = 0;
    for (Event event : events) {
      if (event instanceof CollectionStartEvent && ++depth > MAX_DEPTH) {
        throw at(name, event.getStartMark(), "nested deeper than " + MAX_DEPTH + " levels");
      }
      if (event instanceof CollectionEndEvent) {
        depth--;
      }
    }
  }

  private static String text(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(MAX_FILE_BYTES + 1);
      if (bytes.length > MAX_FILE_BYTES) {
        throw unreadable(file, "is larger than the " + MAX_FILE_BYTES + " bytes accepted");
      }
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    }
  }

  private static String message(YamlEngineException malformed) {
    return Optional.ofNullable(malformed.getMessage()).orElse("malformed");
  }

  private static ConfigException at(String name, Optional<Mark> mark, String message) {
    String line = mark.map(found -> ":" + (found.getLine() + 1)).orElse("");
    return new ConfigException(List.of(name + line + ": " + message));
  }

  private static ConfigException unreadable(Path file, String why) {
    return new ConfigException(List.of(file + ": " + why));
  }
}
