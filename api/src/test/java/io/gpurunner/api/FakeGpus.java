package io.gpurunner.api;

import java.util.Optional;

/** Says what it was asked for. */
final class FakeGpus implements Gpus {
  @Override
  public String quarantine(Caller caller, String gpu, String reason) {
    return "quarantine " + gpu + " " + reason;
  }

  @Override
  public String release(Caller caller, String gpu, String reason) {
    return "release " + gpu + " " + reason;
  }

  @Override
  public String releaseDriver(Caller caller, Optional<String> gpu) {
    return "driver without " + gpu.orElse("all");
  }

  @Override
  public String takeDriver(Caller caller) {
    return "driver";
  }
}
