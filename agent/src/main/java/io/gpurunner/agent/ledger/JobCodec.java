package io.gpurunner.agent.ledger;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.api.JobRequest;
import io.gpurunner.api.StopRule;
import io.gpurunner.storage.ArtifactPlace;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;

/**
 * Jobs as JSON in the database's columns. Fields a newer version added are ignored, so that going
 * back a version still reads the file.
 */
final class JobCodec {
  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .addModule(new Jdk8Module())
          .addModule(new JavaTimeModule())
          .addMixIn(StopRule.class, StopRuleForm.class)
          .addMixIn(ArtifactPlace.class, ArtifactPlaceForm.class)
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

  static String write(JobState state) {
    return text(state);
  }

  static String write(JobRequest request) {
    return text(request);
  }

  static JobState readState(String json) {
    return parse(json, JobState.class);
  }

  static JobRequest readRequest(String json) {
    return parse(json, JobRequest.class);
  }

  /**
   * A digest that is equal for bodies that say the same: key order and blanks do not count. Empty
   * where the text is no JSON.
   */
  static Optional<String> bodyDigest(String source) {
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

  private static String text(Object value) {
    try {
      return MAPPER.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new LedgerException(
          LedgerException.Kind.FAILED, "cannot be written as JSON: " + e.getOriginalMessage(), e);
    }
  }

  private static <T> T parse(String json, Class<T> type) {
    try {
      return MAPPER.readValue(json, type);
    } catch (JsonProcessingException e) {
      throw new LedgerException(
          LedgerException.Kind.FAILED,
          "the database holds a "
              + type.getSimpleName()
              + " this version cannot read: "
              + e.getOriginalMessage().replaceAll("\\p{Cntrl}+", " "),
          e);
    }
  }
}
