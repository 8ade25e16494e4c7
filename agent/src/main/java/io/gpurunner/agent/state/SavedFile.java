package io.gpurunner.agent.state;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;

import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.PropertyAccessor;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import io.gpurunner.storage.FileFault;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A record that is kept as a file of JSON below the state directory. It is replaced as a whole, and
 * is on disk when a save returns. Not thread-safe.
 *
 * @param <T> the record
 */
final class SavedFile<T> {
  private static final Logger log = LoggerFactory.getLogger(SavedFile.class);

  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .addModule(new Jdk8Module())
          .addModule(new JavaTimeModule())
          .visibility(PropertyAccessor.IS_GETTER, Visibility.NONE)
          .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build();

  private final Path file;
  private final Class<T> type;
  private final String what;

  /**
   * @param what what the file holds, for messages
   */
  SavedFile(Path file, Class<T> type, String what) {
    this.file = file;
    this.type = type;
    this.what = what;
  }

  /** Returns what was saved last. A file that cannot be read is logged, and counts as none. */
  Optional<T> load() {
    try {
      return Optional.ofNullable(MAPPER.readValue(Files.readAllBytes(file), type));
    } catch (NoSuchFileException none) {
      return Optional.empty();
    } catch (JsonProcessingException e) {
      log.error("{} is not known: {} is damaged", what, file, e);
    } catch (IOException e) {
      log.error("{} is not known: {}", what, FileFault.words(e, file));
    }
    return Optional.empty();
  }

  /**
   * Saves a record.
   *
   * @throws UncheckedIOException naming the file, if it cannot be saved
   */
  void save(T value) {
    Path draft = file.resolveSibling(file.getFileName() + ".new");
    try {
      try (FileChannel channel = FileChannel.open(draft, CREATE, WRITE, TRUNCATE_EXISTING)) {
        ByteBuffer bytes = ByteBuffer.wrap(MAPPER.writeValueAsBytes(value));
        while (bytes.hasRemaining()) {
          channel.write(bytes);
        }
        channel.force(true);
      }
      Files.move(draft, file, ATOMIC_MOVE, REPLACE_EXISTING);
      try (FileChannel directory = FileChannel.open(file.resolveSibling("."))) {
        directory.force(true);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(FileFault.words(e, file), e);
    }
  }
}
