package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.callback.AddressPolicy;
import io.gpurunner.agent.callback.HostResolver;
import io.gpurunner.api.CallbackVerdict;
import io.gpurunner.api.RequestRefusedException;
import io.gpurunner.storage.Library;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MachineViewTest {
  private static final URI CALLBACK = URI.create("http://hooks.lan/x");

  @TempDir Path directory;

  @SuppressWarnings("NullAway.Init") // made before each test
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
    Library library = new Library("library.datasets", directory);
    return new MachineView(
        run.gpus,
        run.ledger,
        library,
        library,
        new AddressPolicy(List.of(), List.of(), resolver),
        1_000,
        run.volumes,
        true);
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
                "the host hooks.lan does not resolve: no answer; the job was taken, and the host is"
                    + " resolved and judged at every try"));
  }

  /** 503: it says nothing of the request. */
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
            1_000,
            run.volumes,
            true);
    assertThatThrownBy(() -> view.models().first(50))
        .isInstanceOfSatisfying(
            RequestRefusedException.class,
            refusal -> {
              assertThat(refusal.kind()).isEqualTo(RequestRefusedException.Kind.UNAVAILABLE);
              assertThat(refusal.retryAfter()).isPresent();
              assertThat(refusal).hasMessageContaining("library.models cannot be read");
            });
  }

  @Test
  void theDiskIsTheVolumesOwn() {
    MachineView view = view(host -> List.of());
    long disk = run.volumes.totalBytes() / VolumeLimits.BYTES_PER_MEGABYTE;
    assertThat(view.volumesRefusal(disk - 2, 1)).isEmpty();
    assertThat(view.volumesRefusal(disk - 1, 1))
        .get()
        .asString()
        .contains("(" + disk + " MB), were " + (disk + 1) + " MB with the artifacts");
  }
}
