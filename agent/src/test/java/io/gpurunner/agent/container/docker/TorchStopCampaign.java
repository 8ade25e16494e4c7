package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The stop signal reaches the trainers of real launchers: PyTorch's data loaders and {@code
 * torchrun}, Open MPI's {@code mpirun}. {@code make stop-torch} runs it, because its image is
 * large.
 */
class TorchStopCampaign extends StopCases {
  private static final String IMAGE = "gpurunner-torch-" + UUID.randomUUID() + ":1";

  /** Saves within five seconds, which is longer than mpirun would wait. */
  private static final String TRAINER =
      """
      import os, signal, sys, time
      rank = os.environ.get("RANK", os.environ.get("OMPI_COMM_WORLD_RANK", "0"))
      def save(number, frame):
          time.sleep(4)
          with open("/out/model", "a") as model:
              model.write("saved\\n")
          sys.exit(0)
      signal.signal(signal.SIGTERM, save)
      open("/out/ready-" + str(int(rank) + 1), "w").close()
      while True:
          time.sleep(0.1)
      """;

  private static final String LOADERS =
      """
      import os, signal, sys, time, torch
      from torch.utils.data import DataLoader, Dataset
      class Rows(Dataset):
          def __len__(self):
              return 100000
          def __getitem__(self, row):
              return torch.zeros(8)
      def save(number, frame):
          time.sleep(1)
          torch.save({"step": 1}, "/out/state.pt")
          with open("/out/model", "a") as model:
              model.write("saved\\n")
          sys.exit(0)
      signal.signal(signal.SIGTERM, save)
      while True:
          for batch in DataLoader(Rows(), batch_size=8, num_workers=4):
              open("/out/ready-1", "w").close()
              time.sleep(0.01)
      """;

  /** Without these, Debian 12's torchrun (1.13) fails on its Python (3.11), which is newer. */
  private static final String LOGGED = "--redirects 1 --tee 1 --log_dir /tmp/logs";

  @BeforeAll
  static void makeImage() throws Exception {
    Process make = new ProcessBuilder("../dev/make-torch-image", IMAGE).inheritIO().start();
    assertThat(make.waitFor()).isZero();
  }

  @AfterAll
  static void removeImage() {
    try (TestEngine last = new TestEngine()) {
      last.connection()
          .run(
              "removing " + IMAGE,
              CallLimits.REMOVE,
              docker -> docker.removeImageCmd(IMAGE).withForce(true).exec());
    }
  }

  @BeforeEach
  void writeScripts() throws IOException {
    write("trainer.py", TRAINER);
    write("loaders.py", LOADERS);
  }

  private void stopTwo(String command) throws IOException {
    var name =
        start(
            IMAGE,
            command,
            Map.of("OMPI_ALLOW_RUN_AS_ROOT", "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"));
    awaitFile("ready-2");
    stop(name);
    assertThat(model()).as(said.toString()).isEqualTo("saved\nsaved\nnext\n");
  }

  @Test
  void aTrainerWithFourDataLoaders() throws IOException {
    stop(start(IMAGE, "python3 /work/loaders.py; echo next >> /out/model", Map.of()));
    assertThat(model()).as(said.toString()).isEqualTo("saved\nnext\n");
    assertThat(said).hasSize(1);
    assertThat(directory.resolve(Path.of("out", "state.pt"))).isNotEmptyFile();
  }

  @Test
  void torchrunWithTwoProcesses() throws IOException {
    stopTwo(
        "python3 -m torch.distributed.run --standalone --nproc_per_node 2 "
            + LOGGED
            + " /work/trainer.py; echo next >> /out/model");
  }

  @Test
  void mpirunWithTwoRanks() throws IOException {
    stopTwo("mpirun --oversubscribe -np 2 python3 /work/trainer.py; echo next >> /out/model");
  }
}
