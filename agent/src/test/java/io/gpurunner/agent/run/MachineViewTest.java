package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.callback.AddressPolicy;
import io.gpurunner.agent.callback.HostResolver;
import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.container.OpenRegistries;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.CallbackVerdict;
import io.gpurunner.api.Caller;
import io.gpurunner.api.GpuAvailability;
import io.gpurunner.api.GpuReport;
import io.gpurunner.api.ImageReference;
import io.gpurunner.api.JobId;
import io.gpurunner.api.RequestRefusedException;
import io.gpurunner.gpu.GpuDetails;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuFact;
import io.gpurunner.gpu.GpuProcess;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.gpu.ProcessFacts;
import io.gpurunner.storage.ArtifactPlace;
import io.gpurunner.storage.Library;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MachineViewTest {
  private static final Caller ANN = new Caller("ann", false);
  private static final ImageReference HERE = ImageReference.of("registry.other/here:1");
  private static final URI CALLBACK = URI.create("http://hooks.lan/x");

  @TempDir Path directory;

  @SuppressWarnings("NullAway.Init") // created before each test
  private RunHarness run;

  @BeforeEach
  void make() {
    run = new RunHarness(directory);
  }

  @AfterEach
  void close() {
    run.close();
  }

  private MachineView view(HostResolver resolver) {
    return view(resolver, new ArtifactPlace.Local());
  }

  private MachineView view(HostResolver resolver, ArtifactPlace artifacts) {
    Library library = new Library("library.datasets", directory);
    return new MachineView(
        run.gpus,
        run.ledger,
        library,
        library,
        new AddressPolicy(List.of(), List.of(), resolver),
        OpenRegistries.rules(),
        image -> image.equals(HERE),
        1_000,
        run.volumes,
        artifacts,
        run.gate,
        run.meter,
        UnaryOperator.identity());
  }

  /** No name is looked up: names are judged by the run. */
  @Test
  void anImageOfARegistryThatIsNotAskedIsRefusedUnlessItIsHere() {
    MachineView view =
        view(
            host -> {
              throw new UnknownHostException(host);
            });
    assertThat(view.imageRefusal(ImageReference.of("registry.other/train:1")).orElseThrow())
        .contains("the registry registry.other", "images.registries");
    assertThat(view.imageRefusal(HERE)).isEmpty();
    assertThat(view.imageRefusal(ImageReference.of("busybox"))).isEmpty();
  }

  @Test
  void aReceiverIsJudgedWhereItsHostResolves() {
    assertThat(view(host -> List.of(InetAddress.ofLiteral("192.0.2.1"))).judgeCallback(CALLBACK))
        .isEqualTo(new CallbackVerdict.Allowed());
    assertThat(view(host -> List.of(InetAddress.ofLiteral("127.0.0.1"))).judgeCallback(CALLBACK))
        .isInstanceOfSatisfying(
            CallbackVerdict.Refused.class,
            refused ->
                assertThat(refused.reason())
                    .startsWith("hooks.lan resolves to 127.0.0.1")
                    .contains("callbacks.allow"));
  }

  @Test
  void aHostThatDoesNotResolveNowDoesNotKeepTheJobOut() {
    HostResolver noDns =
        host -> {
          throw new UnknownHostException("the host " + host + " does not resolve: no answer");
        };
    assertThat(view(noDns).judgeCallback(CALLBACK))
        .isEqualTo(
            new CallbackVerdict.NotJudged(
                "the host hooks.lan does not resolve: no answer; the job was accepted, and the"
                    + " host is resolved and judged at every try"));
  }

  /** The answer is 503, because the request is not to blame. */
  @Test
  void aLibraryThatCannotBeReadIsNoUnknownName() throws Exception {
    Path file = Files.createFile(directory.resolve("no-directory"));
    Library broken = new Library("library.models", file);
    MachineView view =
        new MachineView(
            run.gpus,
            run.ledger,
            broken,
            broken,
            new AddressPolicy(List.of(), List.of(), host -> List.of()),
            OpenRegistries.rules(),
            _ -> false,
            1_000,
            run.volumes,
            new ArtifactPlace.Local(),
            run.gate,
            run.meter,
            UnaryOperator.identity());
    assertThatThrownBy(() -> view.models(ANN).first(50))
        .isInstanceOfSatisfying(
            RequestRefusedException.class,
            refusal -> {
              assertThat(refusal.kind()).isEqualTo(RequestRefusedException.Kind.UNAVAILABLE);
              assertThat(refusal.retryAfter()).isPresent();
              assertThat(refusal).hasMessageContaining("library.models cannot be read");
            });
  }

  @Test
  void aJobIsResumedFromByItsOwnerAndAdminsOnlyOnceItHasEndedAndWhileItsFilesAreThere() {
    MachineView view = view(host -> List.of());
    Caller ann = new Caller("ann", false);
    Caller admin = new Caller("root", true);
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
    for (Caller caller : List.of(ann, admin)) {
      assertThat(view.resumeRefusal(caller, id))
          .contains("job " + id + " has not ended yet: its checkpoints still change");
    }
    run.toTheEnd(id);
    assertThat(view.resumeRefusal(ann, id)).isEmpty();
    assertThat(view.resumeRefusal(admin, id)).isEmpty();
    // The words are those for an absent job, so that another user does not learn that it exists.
    assertThat(view.resumeRefusal(new Caller("bob", false), id)).contains("no such job: " + id);
    JobId absent = JobId.random();
    assertThat(view.resumeRefusal(ann, absent)).contains("no such job: " + absent);

    run.ledger.giveFilesUp(id);
    assertThat(view.resumeRefusal(ann, id))
        .contains(
            "the files of job " + id + " were removed: it ended longer ago than jobs.retention");
    run.ledger.swept(id);
    assertThat(view.resumeRefusal(ann, id)).isPresent();
  }

  @Test
  void gpusThatCannotBeReadAreNoGpusThatAreNotThere() {
    MachineView view = view(host -> List.of());
    assertThat(view.gpuFault()).isEmpty();
    assertThat(view.gpuTypes()).containsExactly(Map.entry("NVIDIA-GeForce-RTX-3090", 2));
    run.gpus.fail("driver not loaded");
    assertThat(view.gpuFault()).contains("driver not loaded");
  }

  @Test
  void theDiskIsTheVolumesOwn() {
    MachineView view = view(host -> List.of());
    long disk = run.volumes.totalBytes() / RequestedVolumes.BYTES_PER_MEGABYTE;
    assertThat(view.volumesRefusal(disk - 2, 1)).isEmpty();
    assertThat(view.volumesRefusal(disk - 1, 1))
        .get()
        .asString()
        .contains("(" + disk + " MB), were " + (disk + 1) + " MB with the artifacts");
  }

  @Test
  void artifactsInABucketTakeNoDisk() {
    MachineView view =
        view(host -> List.of(), new ArtifactPlace.Bucket(Optional.empty(), "eu-1", "models"));
    long disk = run.volumes.totalBytes() / RequestedVolumes.BYTES_PER_MEGABYTE;
    assertThat(view.volumesRefusal(disk - 1, 1)).isEmpty();
    assertThat(view.volumesRefusal(disk, 1))
        .get()
        .asString()
        .contains("(" + disk + " MB), were " + (disk + 1) + " MB; ask for less");
  }

  @Test
  void gpusAreCountedAndReportedAsTheyCanBeLeased() {
    MachineView view = view(host -> List.of());
    assertThat(view.gpuAvailability())
        .containsExactly(new GpuAvailability("NVIDIA-GeForce-RTX-3090", 2, 2));
    JobId holder = run.submit(Requests.simple(), Program.endsAfter(Duration.ofMinutes(1), 0));
    run.until(holder, JobState.Running.class);
    List<GpuUuid> uuids = run.gpus.snapshot().devices().stream().map(GpuDevice::uuid).toList();
    run.gpus.use(uuids.getLast(), 4711);
    assertThat(view.gpuAvailability())
        .containsExactly(new GpuAvailability("NVIDIA-GeForce-RTX-3090", 2, 0));
    assertThat(view.gpus().gpus())
        .extracting(GpuReport.Gpu::state)
        .containsExactly(GpuReport.State.LEASED, GpuReport.State.IN_USE);
    assertThat(view.gpus().gpus().getFirst().lease().orElseThrow().job()).isEqualTo(holder);
    assertThat(view.gpus().gpus().getLast().reason().orElseThrow()).contains("process 4711");

    run.gpus.leave(uuids.getLast());
    run.gate.close(new StartGate.Part.Gpu(uuids.getLast()), "the hook failed");
    assertThat(view.gpuAvailability())
        .containsExactly(new GpuAvailability("NVIDIA-GeForce-RTX-3090", 1, 0));
    GpuReport.Gpu closed = view.gpus().gpus().getLast();
    assertThat(closed.state()).isEqualTo(GpuReport.State.UNFIT);
    assertThat(closed.reason()).contains("the hook failed");
    assertThat(view.gpuTypes()).containsEntry("NVIDIA-GeForce-RTX-3090", 2);
  }

  @Test
  void aGpuIsShownWithItsHealthDetailsAndWhoIsOnIt() {
    JobId holder = run.submit(Requests.simple(), Program.endsAfter(Duration.ofMinutes(1), 0));
    run.until(holder, JobState.Running.class);
    List<GpuUuid> uuids = run.gpus.snapshot().devices().stream().map(GpuDevice::uuid).toList();
    run.gpus.use(
        uuids.getFirst(),
        new GpuProcess(
            17,
            OptionalLong.empty(),
            GpuProcess.Kind.COMPUTE,
            Optional.of(new ProcessFacts("miner", "bob", Optional.empty())),
            false));
    run.gpus.change(
        uuids.getFirst(),
        device ->
            device.withDetails(
                new GpuDetails(
                    Optional.of("0000:3b:00.0"),
                    Map.of(GpuFact.POWER_MILLIWATTS, 250_000L, GpuFact.MINOR, 3L),
                    List.of())));
    GpuReport.Gpu held = view(host -> List.of()).gpus().gpus().getFirst();
    assertThat(held.details())
        .isEqualTo(Map.of("busId", "0000:3b:00.0", "powerMilliwatts", 250_000L, "minor", 3L));
    assertThat(held.processes())
        .containsExactly(
            new GpuReport.User(
                17,
                OptionalLong.empty(),
                Optional.of("miner"),
                Optional.of("bob"),
                Optional.empty(),
                GpuReport.Role.INTRUDER));
  }

  /** Every fact that a driver may tell is shown, or told in other words. */
  @Test
  void everyFactHasAKey() {
    GpuUuid gpu = run.gpus.snapshot().devices().getFirst().uuid();
    Map<GpuFact, Long> all = new EnumMap<>(GpuFact.class);
    for (GpuFact fact : GpuFact.values()) {
      all.put(fact, 1L);
    }
    run.gpus.change(
        gpu, device -> device.withDetails(new GpuDetails(Optional.empty(), all, List.of())));
    assertThat(view(host -> List.of()).gpus().gpus().getFirst().details())
        .as("the fabric's status is only told where it is a fault")
        .hasSize(GpuFact.values().length - 1);
  }
}
