package io.gpurunner.agent.run;

import io.gpurunner.agent.callback.AddressPolicy;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.RegistryRules;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.api.CallbackVerdict;
import io.gpurunner.api.Caller;
import io.gpurunner.api.GpuAvailability;
import io.gpurunner.api.GpuReport;
import io.gpurunner.api.ImageReference;
import io.gpurunner.api.JobId;
import io.gpurunner.api.LibraryNames;
import io.gpurunner.api.MachineFacts;
import io.gpurunner.api.RequestRefusedException;
import io.gpurunner.gpu.DeviceFitness;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuInventory;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.storage.ArtifactPlace;
import io.gpurunner.storage.JobVolumes;
import io.gpurunner.storage.Library;
import io.gpurunner.storage.StorageException;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The machine as it is now. Requests are checked against it. Thread-safe. */
public final class MachineView implements MachineFacts {
  private static final Logger log = LoggerFactory.getLogger(MachineView.class);

  private static final Duration RETRY_AFTER = Duration.ofSeconds(10);

  private final GpuInventory gpus;
  private final JobLedger ledger;
  private final Library datasets;
  private final Library models;
  private final AddressPolicy callbacks;
  private final RegistryRules registries;
  private final Predicate<ImageReference> isImageHere;
  private final long maxVolumeMegabytes;
  private final JobVolumes volumes;
  private final ArtifactPlace artifacts;
  private final StartGate gate;
  private final GpuReports reports;

  /**
   * @param isImageHere whether an image is on this machine; an image that is needs no registry
   * @param volumes the volumes; a job cannot ask for more than their disk holds
   * @param artifacts the place of new artifacts
   * @param shown converts a time of the steady clock to the time that users see
   */
  public MachineView(
      GpuInventory gpus,
      JobLedger ledger,
      Library datasets,
      Library models,
      AddressPolicy callbacks,
      RegistryRules registries,
      Predicate<ImageReference> isImageHere,
      long maxVolumeMegabytes,
      JobVolumes volumes,
      ArtifactPlace artifacts,
      StartGate gate,
      GpuMeter meter,
      UnaryOperator<Instant> shown) {
    this.gate = gate;
    this.reports = new GpuReports(gpus, ledger, gate, meter, shown);
    this.artifacts = artifacts;
    this.volumes = volumes;
    this.gpus = gpus;
    this.ledger = ledger;
    this.datasets = datasets;
    this.models = models;
    this.callbacks = callbacks;
    this.registries = registries;
    this.isImageHere = isImageHere;
    this.maxVolumeMegabytes = maxVolumeMegabytes;
  }

  @Override
  public Optional<String> gpuFault() {
    return gpus.snapshot().fault();
  }

  @Override
  public Map<String, Integer> gpuTypes() {
    Map<String, Integer> types = new TreeMap<>();
    present(gpus.snapshot()).forEach(device -> types.merge(device.type().label(), 1, Integer::sum));
    return types;
  }

  @Override
  public List<GpuAvailability> gpuAvailability() {
    GpuSnapshot look = gpus.snapshot();
    Set<GpuUuid> free =
        DeviceFitness.fitDevices(look).stream()
            .map(GpuDevice::uuid)
            .filter(uuid -> gate.whyClosed(uuid).isEmpty())
            .collect(Collectors.toCollection(HashSet::new));
    free.removeAll(ledger.leases().keySet());
    Map<String, List<GpuDevice>> byType =
        present(look)
            .collect(
                Collectors.groupingBy(
                    device -> device.type().label(), TreeMap::new, Collectors.toList()));
    return byType.entrySet().stream()
        .map(
            type ->
                new GpuAvailability(
                    type.getKey(),
                    (int) type.getValue().stream().filter(this::canBeLeased).count(),
                    (int)
                        type.getValue().stream()
                            .filter(device -> free.contains(device.uuid()))
                            .count()))
        .toList();
  }

  /** Returns the devices that a job could get. A lost device is not among them. */
  private static Stream<GpuDevice> present(GpuSnapshot look) {
    return look.devices().stream().filter(device -> device.presence() != GpuDevice.Presence.LOST);
  }

  /** Returns whether a job can get the device once no other one holds or uses it. */
  private boolean canBeLeased(GpuDevice device) {
    return DeviceFitness.whyUnusable(device).isEmpty() && gate.whyRefused(device.uuid()).isEmpty();
  }

  @Override
  public GpuReport gpus() {
    return reports.of(gpus.snapshot());
  }

  @Override
  public LibraryNames datasets(Caller caller) {
    return new NamesOf(datasets.asSeenBy(caller.user()));
  }

  @Override
  public LibraryNames models(Caller caller) {
    return new NamesOf(models.asSeenBy(caller.user()));
  }

  private record NamesOf(Library library) implements LibraryNames {
    @Override
    public boolean has(String name) {
      return answered(() -> library.find(name).isPresent());
    }

    @Override
    public boolean hasDirectory(String name, String inside) {
      return answered(() -> library.hasDirectory(name, inside));
    }

    @Override
    public Listed first(int count) {
      Library.Names names = answered(() -> library.first(count));
      return new Listed(names.names(), names.more());
    }
  }

  /**
   * Asks the disk. If it does not answer, the refusal says UNAVAILABLE, and not that the request is
   * wrong.
   */
  private static <T> T answered(Supplier<T> look) {
    try {
      return look.get();
    } catch (StorageException e) {
      throw new RequestRefusedException(
          RequestRefusedException.Kind.UNAVAILABLE, String.valueOf(e.getMessage()), RETRY_AFTER);
    }
  }

  @Override
  public long maxVolumeMegabytes() {
    return maxVolumeMegabytes;
  }

  @Override
  public Optional<String> volumesRefusal(long ckptVolumeMegabytes, long modelVolumeMegabytes) {
    long disk = answered(volumes::totalBytes) / RequestedVolumes.BYTES_PER_MEGABYTE;
    boolean artifactsHere = artifacts.isOnThisMachine();
    long artifactMegabytes = artifactsHere ? modelVolumeMegabytes : 0;
    long need = ckptVolumeMegabytes + modelVolumeMegabytes + artifactMegabytes;
    return need <= disk
        ? Optional.empty()
        : Optional.of(
            "must fit together on the disk of this machine (%d MB), were %d MB%s; ask for less"
                .formatted(
                    disk,
                    need,
                    artifactsHere ? " with the artifacts, which take as much as the model" : ""));
  }

  @Override
  public Optional<String> imageRefusal(ImageReference image) {
    Optional<String> refusal = registries.refusalWithoutLookup(image);
    try {
      return refusal.filter(_ -> !isImageHere.test(image));
    } catch (ContainerException e) {
      log.debug("it is not known whether the image {} is here", image, e);
      // The run asks an engine that is away again. Another answer is about the name.
      return e.kind() == ContainerException.Kind.UNREACHABLE ? Optional.empty() : refusal;
    }
  }

  @Override
  public CallbackVerdict judgeCallback(URI callbackUrl) {
    return switch (callbacks.judge(callbackUrl)) {
      case AddressPolicy.Verdict.Allowed _ -> new CallbackVerdict.Allowed();
      case AddressPolicy.Verdict.Refused refused -> new CallbackVerdict.Refused(refused.reason());
      case AddressPolicy.Verdict.Unresolved unresolved ->
          new CallbackVerdict.NotJudged(
              unresolved.reason()
                  + "; the job was accepted, and the host is resolved and judged at every try");
    };
  }

  @Override
  public Optional<String> resumeRefusal(Caller caller, JobId from) {
    Optional<Job> job =
        ledger.find(from).filter(found -> caller.admin() || found.user().equals(caller.user()));
    if (job.isEmpty()) {
      return Optional.of("no such job: " + from);
    }
    if (!(job.get().state() instanceof JobState.Final)) {
      return Optional.of("job " + from + " has not ended yet: its checkpoints still change");
    }
    return job.get().files() == JobFiles.KEPT
        ? Optional.empty()
        : Optional.of(
            "the files of job " + from + " were removed: it ended longer ago than jobs.retention");
  }
}
