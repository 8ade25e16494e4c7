package io.gpurunner.api;

import java.util.Optional;
import java.util.OptionalLong;

/** Reads {@code ckptVol} and {@code modelVol}, and checks that this machine can hold both. */
final class VolumeFields {
  private static final String CHECKPOINT = "ckptVol";
  private static final String MODEL = "modelVol";
  private static final String UNIT = " of MB";

  /** The sizes in MB of 10^6 bytes. */
  record Sizes(long checkpointMegabytes, long modelMegabytes) {}

  private final Fields fields;
  private final MachineFacts facts;

  VolumeFields(Fields fields, MachineFacts facts) {
    this.fields = fields;
    this.facts = facts;
  }

  /** Reads both sizes. The result is empty if one of them was refused. */
  Optional<Sizes> read() {
    long most = facts.maxVolumeMegabytes();
    OptionalLong checkpoint = fields.requiredNumber(CHECKPOINT, UNIT, 1, most);
    OptionalLong model = fields.requiredNumber(MODEL, UNIT, 1, most);
    if (checkpoint.isEmpty() || model.isEmpty()) {
      return Optional.empty();
    }
    Optional<String> refusal = facts.volumesRefusal(checkpoint.getAsLong(), model.getAsLong());
    if (refusal.isPresent()) {
      fields.refuse(CHECKPOINT + " and " + MODEL, refusal.get());
      return Optional.empty();
    }
    return Optional.of(new Sizes(checkpoint.getAsLong(), model.getAsLong()));
  }
}
