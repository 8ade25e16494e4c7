package io.gpurunner.api;

import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A machine with four GPUs of one type and one of another. A test sets it up before the server
 * reads it.
 */
final class FakeFacts implements MachineFacts {
  static final String RTX = "NVIDIA-GeForce-RTX-3090";
  static final String A100 = "NVIDIA-A100-SXM4-80GB";
  static final long MAX_VOLUME = 1_000_000;

  Map<String, Integer> types = new TreeMap<>(Map.of(RTX, 4, A100, 1));
  SortedSet<String> datasets = new TreeSet<>(List.of("train-dataset", "iris"));
  SortedSet<String> models = new TreeSet<>(List.of("chatglm3-6b"));
  CallbackVerdict callbackVerdict = new CallbackVerdict.Allowed();
  volatile Optional<String> gpuFault = Optional.empty();
  volatile Optional<String> imageRefusal = Optional.empty();
  Optional<String> volumesRefusal = Optional.empty();
  Optional<String> resumeRefusal = Optional.empty();

  @Override
  public Optional<String> gpuFault() {
    return gpuFault;
  }

  @Override
  public Map<String, Integer> gpuTypes() {
    return types;
  }

  volatile GpuReport gpuReport = new GpuReport("no GPUs", false, Optional.empty(), 0, List.of());

  @Override
  public GpuReport gpus() {
    return gpuReport;
  }

  @Override
  public List<GpuAvailability> gpuAvailability() {
    return List.of(new GpuAvailability(A100, 1, 0), new GpuAvailability(RTX, 4, 3));
  }

  @Override
  public LibraryNames datasets(Caller caller) {
    return new FakeNames(datasets);
  }

  @Override
  public LibraryNames models(Caller caller) {
    return new FakeNames(models);
  }

  private record FakeNames(SortedSet<String> names) implements LibraryNames {
    @Override
    public boolean has(String name) {
      return names.contains(name);
    }

    @Override
    public boolean hasDirectory(String name, String inside) {
      return names.contains(name) && inside.equals("there/already");
    }

    @Override
    public Listed first(int count) {
      return new Listed(names.stream().limit(count).toList(), names.size() > count);
    }
  }

  @Override
  public long maxVolumeMegabytes() {
    return MAX_VOLUME;
  }

  @Override
  public Optional<String> volumesRefusal(long ckptVolumeMegabytes, long modelVolumeMegabytes) {
    return volumesRefusal;
  }

  @Override
  public Optional<String> imageRefusal(ImageReference image) {
    return imageRefusal;
  }

  @Override
  public CallbackVerdict judgeCallback(URI callbackUrl) {
    return callbackVerdict;
  }

  @Override
  public Optional<String> resumeRefusal(Caller caller, JobId from) {
    return resumeRefusal;
  }
}
