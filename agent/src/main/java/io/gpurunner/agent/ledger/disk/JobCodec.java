package io.gpurunner.agent.ledger.disk;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.annotation.JsonValue;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import io.gpurunner.api.ImageReference;
import io.gpurunner.api.StopRule;
import io.gpurunner.storage.ArtifactPlace;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;

/**
 * What the ledger keeps, as JSON. Fields that a newer version added are ignored, so that an older
 * version can still read it.
 */
public final class JobCodec {
  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .addModule(new Jdk8Module())
          .addModule(new JavaTimeModule())
          .addMixIn(StopRule.class, StopRuleForm.class)
          .addMixIn(ArtifactPlace.class, ArtifactPlaceForm.class)
          .addMixIn(ImageReference.class, ImageReferenceForm.class)
          .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
          .build();

  private JobCodec() {}

  /** How the two stop rules are told apart; the api module knows nothing of this file's form. */
  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "rule")
  @JsonSubTypes({
    @JsonSubTypes.Type(value = StopRule.NaturalEnd.class, name = "natural-end"),
    @JsonSubTypes.Type(value = StopRule.After.class, name = "after")
  })
  private interface StopRuleForm {}

  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "store")
  @JsonSubTypes({
    @JsonSubTypes.Type(value = ArtifactPlace.Local.class, name = "local"),
    @JsonSubTypes.Type(value = ArtifactPlace.Bucket.class, name = "s3")
  })
  private interface ArtifactPlaceForm {}

  /** An image reference is kept as its text. */
  private abstract static class ImageReferenceForm {
    @JsonCreator
    static ImageReference of(String text) {
      return ImageReference.of(text);
    }

    @Override
    @JsonValue
    public abstract String toString();
  }

  /** The JSON of a value, in UTF-8. */
  static byte[] write(Object value) {
    try {
      return MAPPER.writeValueAsBytes(value);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(value.getClass() + " has no form in JSON", e);
    }
  }

  /** The JSON of a value. */
  static String text(Object value) {
    return new String(write(value), StandardCharsets.UTF_8);
  }

  /**
   * Reads a value.
   *
   * @throws IOException where it is none that this version can read
   */
  static <T> T read(byte[] json, Class<T> type) throws IOException {
    try {
      return MAPPER.readValue(json, type);
    } catch (JsonProcessingException e) {
      throw new IOException(
          "a "
              + type.getSimpleName()
              + " that this version cannot read: "
              + e.getOriginalMessage().replaceAll("\\p{Cntrl}+", " "),
          e);
    }
  }

  /** The same from a text. */
  static <T> T read(String json, Class<T> type) throws IOException {
    return read(json.getBytes(StandardCharsets.UTF_8), type);
  }

  /**
   * A digest that is equal for bodies that say the same: key order and blanks do not count. Empty
   * where the text is no JSON.
   */
  public static Optional<String> bodyDigest(String source) {
    try {
      Object tree = MAPPER.readValue(source, Object.class);
      byte[] canonical = MAPPER.writeValueAsString(tree).getBytes(StandardCharsets.UTF_8);
      return Optional.of(
          HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(canonical)));
    } catch (JsonProcessingException notJson) {
      return Optional.empty();
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }
}
