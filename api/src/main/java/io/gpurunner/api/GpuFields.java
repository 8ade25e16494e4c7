package io.gpurunner.api;

import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Reads {@code gpuNumber} and {@code gpuType} against what the machine has. */
final class GpuFields {
  private static final String NUMBER = "gpuNumber";
  private static final String TYPE = "gpuType";
  private static final Pattern SEPARATOR = Pattern.compile("[\\s_-]");

  /**
   * The GPUs that a request asks for.
   *
   * @param type the type as the machine spells it, or as it was sent if the number is 0
   */
  record Choice(int number, String type) {}

  private final Fields fields;
  private final MachineFacts facts;
  private final Map<String, Integer> machine;

  GpuFields(Fields fields, MachineFacts facts) {
    this.fields = fields;
    this.facts = facts;
    this.machine = facts.gpuTypes();
  }

  /**
   * Reads both fields. The result is empty if one of them was refused.
   *
   * @throws RequestRefusedException UNAVAILABLE if the request asks for GPUs and they cannot be
   *     read now
   */
  Optional<Choice> read() {
    Optional<String> fault = facts.gpuFault();
    String range =
        fault.isPresent() ? " from 0" : " from 0 to " + total() + " (" + inventory() + ")";
    OptionalLong number = fields.requiredNumber(NUMBER, "", 0, Integer.MAX_VALUE, range);
    boolean none = number.isPresent() && number.getAsLong() == 0;
    if (none && fields.find(TYPE).isEmpty()) {
      return Optional.of(new Choice(0, ""));
    }
    Optional<String> sent =
        fields.requiredText(TYPE, "a GPU product name", JobRequestLimits.MAX_GPU_TYPE_CHARACTERS);
    if (none) {
      return sent.map(type -> new Choice(0, type));
    }
    if (fault.isPresent()) {
      if (number.isPresent()) {
        throw unreadable(fault.get());
      }
      return Optional.empty();
    }
    Optional<String> known = sent.flatMap(this::spelledByMachine);
    if (sent.isPresent() && known.isEmpty()) {
      fields.refuse(
          TYPE,
          "must be a GPU of this machine, was %s; %s"
              .formatted(Shown.quoted(sent.get()), inventory()));
    }
    if (number.isEmpty()) {
      return Optional.empty();
    }
    int available = known.map(type -> machine.getOrDefault(type, 0)).orElseGet(this::total);
    if (number.getAsLong() > available) {
      fields.refuse(
          NUMBER,
          "must be 0 to %d%s, was %d; %s"
              .formatted(
                  available,
                  known.map(type -> " of " + type).orElse(""),
                  number.getAsLong(),
                  inventory()));
      return Optional.empty();
    }
    return known.map(type -> new Choice((int) number.getAsLong(), type));
  }

  /** Returns the refusal of a request that needs GPUs while they cannot be read. */
  static RequestRefusedException unreadable(String fault) {
    return new RequestRefusedException(
        RequestRefusedException.Kind.UNAVAILABLE,
        "the GPUs of this machine cannot be read now: "
            + fault
            + "; try again later (jobs with gpuNumber 0 are taken)",
        ApiLimits.GPU_RETRY_AFTER);
  }

  private int total() {
    return machine.values().stream().mapToInt(Integer::intValue).sum();
  }

  private Optional<String> spelledByMachine(String sent) {
    String wanted = normalised(sent);
    return machine.keySet().stream().filter(type -> normalised(type).equals(wanted)).findFirst();
  }

  /**
   * Returns a product name in the form that is compared. Clients write it with blanks, dashes or
   * underscores, in any case.
   */
  private static String normalised(String type) {
    return SEPARATOR.matcher(type.toLowerCase(Locale.ROOT)).replaceAll("");
  }

  private String inventory() {
    if (machine.isEmpty()) {
      return "this machine has no GPUs, use gpuNumber 0";
    }
    return "this machine has "
        + machine.entrySet().stream()
            .limit(JobRequestLimits.MAX_LISTED_NAMES)
            .map(entry -> entry.getValue() + " " + entry.getKey())
            .collect(Collectors.joining(", "));
  }
}
