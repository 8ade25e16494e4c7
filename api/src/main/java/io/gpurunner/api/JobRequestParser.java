package io.gpurunner.api;

import io.vertx.core.buffer.Buffer;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Turns the body of {@code POST /api/userJob} into a {@link JobRequest}, or into everything that is
 * wrong with it at once. It has no state. It asks {@link MachineFacts} about the machine, which may
 * block. Thread-safe.
 *
 * <p>The contract leaves some rules open. They are decided here:
 *
 * <ul>
 *   <li>A number is a JSON number whose value is whole, or text of ASCII digits: {@code 1}, {@code
 *       1.0}, {@code "1"}, {@code "01"}; not {@code "1.0"}, {@code " 1 "}, {@code "+1"}.
 *   <li>JSON null, and blank text in an optional text field, count as absent. Null inside {@code
 *       env} is refused.
 *   <li>Mount paths hold no {@code :} (Kubernetes has the same rule), are no system directory of
 *       the image, and no two are the same or inside one another. Only an entry of a library may be
 *       below {@code ckptPath} or {@code modelPath}.
 *   <li>{@code stopTime} is not looked at with stopType 0.
 * </ul>
 */
public final class JobRequestParser {
  /** The result of parsing a body. */
  public sealed interface Result {
    /**
     * The request satisfies every rule.
     *
     * @param source the body as text
     */
    record Accepted(JobRequest request, String source) implements Result {}

    /**
     * The request is refused.
     *
     * @param errors all wrong fields, at least one
     */
    record Rejected(List<FieldError> errors) implements Result {
      /** Returns the error body's message, which is one line. */
      public String message() {
        String shown =
            String.join(
                "; ",
                errors.stream()
                    .limit(ApiLimits.MAX_REPORTED_ERRORS)
                    .map(FieldError::toString)
                    .toList());
        int more = errors.size() - ApiLimits.MAX_REPORTED_ERRORS;
        return more > 0 ? shown + "; and " + more + " more" : shown;
      }
    }
  }

  /**
   * Parses a body.
   *
   * @param caller the user who sent the request; needed for {@code resumeFrom}
   * @param body at most {@link ApiLimits#MAX_BODY_BYTES}
   * @throws RequestRefusedException UNAVAILABLE if the body asks for GPUs and they cannot be read
   *     now
   */
  public Result parse(Caller caller, Buffer body, MachineFacts facts) {
    String source;
    Fields fields;
    try {
      source = JsonReader.text(body.getBytes());
      fields = new Fields(JsonReader.object(source));
    } catch (MalformedJsonException e) {
      return new Result.Rejected(List.of(new FieldError("body", e.reason())));
    }
    Optional<JobRequest> request = read(fields, caller, facts);
    List<FieldError> errors = fields.errors();
    return errors.isEmpty()
        ? new Result.Accepted(request.orElseThrow(), source)
        : new Result.Rejected(errors);
  }

  /**
   * Reads every field, also after a wrong one. The result is empty only if an error was collected.
   */
  private static Optional<JobRequest> read(Fields fields, Caller caller, MachineFacts facts) {
    List<String> notes = new ArrayList<>();
    Optional<GpuFields.Choice> gpus = new GpuFields(fields, facts).read();
    ContainerPaths paths = new ContainerPaths(fields);
    Optional<String> ckptPath = paths.writable("ckptPath");
    Optional<VolumeFields.Sizes> volumes = new VolumeFields(fields, facts).read();
    Optional<String> modelPath = paths.writable("modelPath");
    Optional<ImageReference> image = image(fields, facts);
    Optional<JobType> jobType = jobType(fields);
    Optional<StopRule> stopRule = stopRule(fields);
    refuseMoreThanOneNode(fields);

    OptionalFields optional = new OptionalFields(fields, caller, facts);
    Optional<LibraryMount> dataset =
        optional.library(LibraryFields.DATASET, facts.datasets(caller), paths);
    Optional<LibraryMount> model =
        optional.library(LibraryFields.MODEL, facts.models(caller), paths);
    paths.refuseCollisions();
    Optional<String> runCommand = optional.runCommand();
    Optional<URI> callbackUrl = optional.callbackUrl(notes);
    Map<String, String> env = new EnvironmentField(fields).read();
    jobType.ifPresent(type -> EnvironmentField.noteIgnored(env, type, notes));
    Optional<String> name = optional.name();
    OptionalLong priority =
        fields.optionalNumber(
            "priority", "", JobRequestLimits.MIN_PRIORITY, JobRequestLimits.MAX_PRIORITY);
    OptionalLong retries = fields.optionalNumber("retries", "", 0, JobRequestLimits.MAX_RETRIES);
    OptionalLong grace =
        fields.optionalNumber("gracePeriod", " of seconds", 0, JobRequestLimits.MAX_GRACE_SECONDS);
    Map<String, String> labels = optional.labels();
    Optional<JobId> resumeFrom = optional.resumeFrom();

    if (!fields.errors().isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        new JobRequest(
            gpus.orElseThrow().number(),
            gpus.orElseThrow().type(),
            ckptPath.orElseThrow(),
            volumes.orElseThrow().checkpointMegabytes(),
            modelPath.orElseThrow(),
            volumes.orElseThrow().modelMegabytes(),
            image.orElseThrow(),
            jobType.orElseThrow(),
            stopRule.orElseThrow(),
            dataset,
            model,
            runCommand,
            callbackUrl,
            env,
            name,
            (int) priority.orElse(0),
            (int) retries.orElse(0),
            grace.isPresent()
                ? Optional.of(Duration.ofSeconds(grace.getAsLong()))
                : Optional.empty(),
            labels,
            resumeFrom,
            List.copyOf(notes)));
  }

  private static Optional<ImageReference> image(Fields fields, MachineFacts facts) {
    String field = "imagePath";
    String accepted = "an image reference ([domain[:port]/]path[:tag][@digest])";
    Optional<String> text =
        fields.requiredText(field, accepted, JobRequestLimits.MAX_IMAGE_CHARACTERS);
    Optional<ImageReference> image = text.flatMap(ImageReference::parse);
    if (text.isPresent() && image.isEmpty()) {
      fields.refuse(field, accepted, new JsonValue.Text(text.get()));
    }
    image.flatMap(facts::imageRefusal).ifPresent(why -> fields.refuse(field, why));
    return image;
  }

  private static Optional<JobType> jobType(Fields fields) {
    String field = "jobType";
    Optional<JsonValue> value = fields.required(field);
    if (value.isEmpty()) {
      return Optional.empty();
    }
    Optional<JobType> type =
        value.get() instanceof JsonValue.Text(String text) ? JobType.parse(text) : Optional.empty();
    if (type.isEmpty()) {
      fields.refuse(field, "GeneralJob, MPI, Pytorch or TensorFlow", value.get());
    }
    return type;
  }

  private static void refuseMoreThanOneNode(Fields fields) {
    OptionalLong nodes = fields.optionalNumber("nodeCount", "", 0, Integer.MAX_VALUE);
    if (nodes.orElse(1) > 1) {
      fields.refuse(
          "nodeCount", "must be 1, was %d: this is one machine".formatted(nodes.getAsLong()));
    }
  }

  private static Optional<StopRule> stopRule(Fields fields) {
    if (fields.find("stopType").isEmpty()) {
      return Optional.of(new StopRule.NaturalEnd());
    }
    OptionalLong type = fields.optionalNumber("stopType", "", 0, 1);
    if (type.isEmpty()) {
      return Optional.empty();
    }
    if (type.getAsLong() == 0) {
      return Optional.of(new StopRule.NaturalEnd());
    }
    if (fields.find("stopTime").isEmpty()) {
      fields.refuse("stopTime", "is required with stopType 1, in minutes");
      return Optional.empty();
    }
    OptionalLong minutes =
        fields.optionalNumber("stopTime", " of minutes", 1, JobRequestLimits.MAX_STOP_MINUTES);
    return minutes.isPresent()
        ? Optional.of(new StopRule.After(Duration.ofMinutes(minutes.getAsLong())))
        : Optional.empty();
  }
}
