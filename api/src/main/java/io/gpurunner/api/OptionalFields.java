package io.gpurunner.api;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Reads the fields that a job may leave out. In every optional text, blank counts as absent. */
final class OptionalFields {
  private static final Pattern LABEL_KEY =
      Pattern.compile("[A-Za-z0-9](?:[A-Za-z0-9._/-]*+(?<=[A-Za-z0-9]))?+");

  private final Fields fields;
  private final Caller caller;
  private final MachineFacts facts;

  OptionalFields(Fields fields, Caller caller, MachineFacts facts) {
    this.fields = fields;
    this.caller = caller;
    this.facts = facts;
  }

  /**
   * Reads an entry of a library to mount. A path without an entry is refused, so that no job runs
   * without its data.
   */
  Optional<LibraryMount> library(LibraryFields names, LibraryNames known, ContainerPaths paths) {
    List<String> sent =
        names.entry().stream().filter(field -> fields.findFilled(field).isPresent()).toList();
    boolean hasPath = fields.findFilled(names.path()).isPresent();
    if (sent.isEmpty()) {
      if (hasPath) {
        fields.refuse(
            names.path(),
            "needs the %s that is to be there: send %s too"
                .formatted(names.what(), names.entry().getFirst()));
      }
      return Optional.empty();
    }
    Optional<String> name = entry(sent, names, known);
    if (!hasPath) {
      fields.refuse(names.path(), "is required with " + sent.getFirst());
      return Optional.empty();
    }
    Optional<String> path =
        paths.readOnly(
            names.path(), inside -> name.isEmpty() || known.hasDirectory(name.get(), inside));
    return name.flatMap(text -> path.map(place -> new LibraryMount(text, place)));
  }

  /** Returns the first of the entries that were sent which is in the library. */
  private Optional<String> entry(List<String> sent, LibraryFields names, LibraryNames known) {
    int before = fields.errors().size();
    List<String> texts =
        sent.stream()
            .flatMap(
                field ->
                    fields
                        .text(
                            field,
                            "a " + names.what() + "'s name",
                            JobRequestLimits.MAX_LIBRARY_NAME_CHARACTERS,
                            fields.find(field).orElseThrow())
                        .stream())
            .toList();
    Optional<String> found = texts.stream().filter(known::has).findFirst();
    if (found.isEmpty() && fields.errors().size() == before) {
      fields.refuse(sent.getFirst(), unknown(texts, names.what(), known));
    }
    return found;
  }

  private static String unknown(List<String> texts, String what, LibraryNames known) {
    LibraryNames.Listed listed = known.first(JobRequestLimits.MAX_LISTED_NAMES);
    String names =
        listed.names().stream()
            .map(text -> Shown.plain(text, JobRequestLimits.MAX_LIBRARY_NAME_CHARACTERS))
            .collect(Collectors.joining(", "));
    String there =
        listed.names().isEmpty()
            ? "this machine has no " + what + "s"
            : "this machine has " + names + (listed.more() ? " and others" : "");
    return "must be a %s of this machine, was %s; %s"
        .formatted(
            what, texts.stream().map(Shown::quoted).collect(Collectors.joining(" or ")), there);
  }

  Optional<String> runCommand() {
    String field = "runCommand";
    Optional<JsonValue> value = fields.findFilled(field);
    if (value.isEmpty()) {
      return Optional.empty();
    }
    if (!(value.get() instanceof JsonValue.Text(String command))) {
      fields.refuse(field, "text", value.get());
      return Optional.empty();
    }
    if (command.indexOf('\0') >= 0) {
      fields.refuse(field, "text without a NUL character", value.get());
      return Optional.empty();
    }
    int bytes = command.getBytes(StandardCharsets.UTF_8).length;
    if (bytes > JobRequestLimits.MAX_COMMAND_BYTES) {
      fields.refuse(
          field,
          "must be at most %d bytes, was %d; put a longer script into the image"
              .formatted(JobRequestLimits.MAX_COMMAND_BYTES, bytes));
      return Optional.empty();
    }
    return Optional.of(command);
  }

  /**
   * Reads the callback URL and judges it.
   *
   * @param notes takes a note if the host cannot be judged yet
   */
  Optional<URI> callbackUrl(List<String> notes) {
    String field = "callbackUrl";
    Optional<String> text =
        fields.optionalText(field, "a URL", JobRequestLimits.MAX_URL_CHARACTERS);
    Optional<URI> url = text.flatMap(CallbackUrl::parse);
    if (text.isPresent() && url.isEmpty()) {
      fields.refuse(
          field, "must be " + CallbackUrl.ACCEPTED + ", was " + CallbackUrl.shown(text.get()));
    }
    return url.filter(uri -> mayBeCalled(field, uri, text.orElseThrow(), notes));
  }

  private boolean mayBeCalled(String field, URI url, String sent, List<String> notes) {
    return switch (facts.judgeCallback(url)) {
      case CallbackVerdict.Allowed() -> true;
      case CallbackVerdict.NotJudged(String note) -> {
        notes.add(field + ": " + note);
        yield true;
      }
      case CallbackVerdict.Refused(String reason) -> {
        fields.refuse(field, reason + ", was " + CallbackUrl.masked(sent));
        yield false;
      }
    };
  }

  Optional<String> name() {
    return fields.optionalText("name", "text", JobRequestLimits.MAX_NAME_CHARACTERS);
  }

  Map<String, String> labels() {
    String field = "labels";
    Optional<JsonValue> value = fields.find(field);
    if (value.isEmpty()) {
      return Map.of();
    }
    if (!(value.get() instanceof JsonValue.Obj(Map<String, JsonValue> members))) {
      fields.refuse(field, "an object of text", value.get());
      return Map.of();
    }
    if (members.size() > JobRequestLimits.MAX_LABELS) {
      fields.refuse(
          field,
          "must be at most %d, had %d".formatted(JobRequestLimits.MAX_LABELS, members.size()));
      return Map.of();
    }
    Map<String, String> labels = new LinkedHashMap<>();
    members.forEach(
        (key, text) -> {
          if (key.length() > JobRequestLimits.MAX_LABEL_KEY_CHARACTERS
              || !LABEL_KEY.matcher(key).matches()) {
            fields.refuse(
                field,
                "keys must be letters, digits and . _ / - between them, at most %d characters, was %s"
                    .formatted(JobRequestLimits.MAX_LABEL_KEY_CHARACTERS, Shown.quoted(key)));
            return;
          }
          fields
              .text(field, "an object of text", JobRequestLimits.MAX_LABEL_VALUE_CHARACTERS, text)
              .ifPresent(content -> labels.put(key, content));
        });
    return Collections.unmodifiableMap(labels);
  }

  Optional<JobId> resumeFrom() {
    String field = "resumeFrom";
    Optional<JsonValue> value = fields.findFilled(field);
    if (value.isEmpty()) {
      return Optional.empty();
    }
    Optional<JobId> id =
        value.get() instanceof JsonValue.Text(String text) ? JobId.parse(text) : Optional.empty();
    if (id.isEmpty()) {
      fields.refuse(field, "the job_id of an earlier job (ai followed by a UUID)", value.get());
    }
    return id.filter(from -> allowed(field, facts.resumeRefusal(caller, from)));
  }

  private boolean allowed(String field, Optional<String> refusal) {
    refusal.ifPresent(reason -> fields.refuse(field, reason));
    return refusal.isEmpty();
  }
}
