package io.gpurunner.agent.container.docker;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.container.StopRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The stop signal reaches the program that saves its state, however it was started, and reaches it
 * once. Real engine, real shells, real Python.
 */
class DockerStopIT extends StopCases {
  /** Writes a line when it gets its signal, half a second later, and ends. */
  private static final String TRAINER =
      """
      import os, signal, sys, time
      def save(number, frame):
          time.sleep(0.5)
          with open("/out/model", "a") as model:
              model.write("saved\\n")
          sys.exit(0)
      signal.signal(getattr(signal, os.environ.get("STOP", "SIGTERM")), save)
      open("/out/ready-%s" % os.environ.get("PART", "1"), "w").close()
      while True:
          time.sleep(0.1)
      """;

  /** Loads data in processes that inherit its handler, as PyTorch's DataLoader does. */
  private static final String WITH_LOADERS =
      """
      import multiprocessing, os, signal, time
      def save(number, frame):
          for loader in multiprocessing.active_children():
              loader.kill()
          with open("/out/model", "a") as model:
              model.write("saved\\n")
          os._exit(0)
      def load():
          while True:
              time.sleep(0.1)
      signal.signal(signal.SIGTERM, save)
      for _ in range(4):
          multiprocessing.get_context("fork").Process(target=load, daemon=True).start()
      open("/out/ready-1", "w").close()
      while True:
          time.sleep(0.1)
      """;

  /** Starts two trainers, hands SIGTERM on to them, and waits for them, as torchrun does. */
  private static final String LAUNCHER =
      """
      import os, signal, subprocess, sys
      parts = [subprocess.Popen(["python3", "/work/trainer.py"], env=dict(os.environ, PART=str(part)))
               for part in (2, 3)]
      def hand_on(number, frame):
          for part in parts:
              part.send_signal(number)
          for part in parts:
              part.wait()
          sys.exit(1)
      signal.signal(signal.SIGTERM, hand_on)
      while not all(os.path.exists("/out/ready-%d" % part) for part in (2, 3)):
          pass
      open("/out/ready-1", "w").close()
      signal.pause()
      """;

  private static final String T = "python3 /work/trainer.py";

  @BeforeEach
  void writeScripts() throws IOException {
    write("trainer.py", TRAINER);
    write("loaders.py", WITH_LOADERS);
    write("launcher.py", LAUNCHER);
    write("launch.sh", "#!/bin/bash\n" + T + "\necho next >> /out/model\n");
  }

  private ContainerName start(String command) {
    return start(TestEngine.required("GPURUNNER_PYTHON_IMAGE"), command, Map.of());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        T,
        "sh -c '" + T + "'",
        T + " 2>&1 | tee /out/log",
        T + " > /out/log 2>&1 & wait",
        "true && " + T,
        "timeout 1000 " + T,
        "python3 /work/loaders.py",
        "trap 'kill $P; wait $P' TERM; " + T + " & P=$!; wait $P",
        "bash -c 'trap \"kill $(jobs -p); wait\" TERM; " + T + " & wait'"
      })
  void theProgramSavesOnceAndNothingFollows(String command) throws IOException {
    assertThat(stop(start(command)).exitCode()).as(said.toString()).isIn(0, 143);
    assertThat(model()).isEqualTo("saved\n");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "bash /work/launch.sh",
        "/work/launch.sh",
        "true && " + T + " && echo next >> /out/model",
        "(" + T + "; echo next >> /out/model)",
        "trap 'echo next >> /out/model; exit 0' TERM; " + T,
        "bash -c 'trap \"echo next >> /out/model; exit 0\" TERM; " + T + " | tee /out/log'"
      })
  void theScriptGoesOnOnceTheProgramHasSaved(String command) throws IOException {
    assertThat(stop(start(command)).exitCode()).as(said.toString()).isZero();
    assertThat(model()).isEqualTo("saved\nnext\n");
    assertThat(said).allMatch(words -> words.startsWith("SIGTERM sent to "));
  }

  @Test
  void aLauncherHandsItOnToItsOwn() throws IOException {
    assertThat(stop(start("python3 /work/launcher.py; echo next >> /out/model")).exitCode())
        .as(said.toString())
        .isZero();
    assertThat(model()).isEqualTo("saved\nsaved\nnext\n");
    assertThat(said)
        .singleElement()
        .asString()
        .matches("SIGTERM sent to python3 \\(process \\d+\\)");
  }

  @Test
  void aTrapRunsAlthoughItsShellWaitsForAProgramThatCatchesNothing() throws IOException {
    ContainerName name =
        start("trap 'echo saved > /out/model; exit 0' TERM; touch /out/ready-1; sleep 1000");
    assertThat(stop(name).exitCode()).as(said.toString()).isZero();
    assertThat(model()).isEqualTo("saved\n");
  }

  @Test
  void aProgramThatFollowsGetsItToo() throws IOException {
    assertThat(stop(start(T + " && PART=2 " + T)).exitCode()).as(said.toString()).isZero();
    assertThat(model()).isEqualTo("saved\nsaved\n");
    assertThat(said).hasSize(2);
  }

  @Test
  void whereNoProgramCatchesItAllEndAtOnce() {
    assertThat(stop(start("touch /out/ready-1; sleep 1000; echo next")).exitCode()).isEqualTo(143);
    assertThat(said).containsExactly("no program catches SIGTERM: SIGTERM sent to all programs");
  }

  @Test
  void aProgramThatIgnoresItHasItsTime() {
    ContainerName name =
        start("sh -c 'trap \"\" TERM; touch /out/ready-1; while :; do sleep 0.1; done'; echo next");
    StopRequest request = ask(name, StopRequest.none());
    ask(name, request);
    assertThat(said)
        .singleElement()
        .asString()
        .matches("no program catches SIGTERM, and sh \\(process \\d+\\) ignores it: nothing sent");
    assertThat(engine.engine().containers().inspect(unrecorded(name)))
        .get()
        .isInstanceOf(Observation.Running.class);
    engine.engine().containers().kill(unrecorded(name));
    assertThat(engine.awaitExit(name).exitCode()).isEqualTo(137);
  }

  @Test
  void anAgentWhoseMemoryIsLostAsksOnlyWhoCameLater() throws IOException {
    ContainerName name = start(T + " & wait; PART=2 " + T);
    StopRequest request = ask(name, StopRequest.forgotten(Duration.ZERO));
    assertThat(request.words()).isEmpty();
    assertThat(ask(name, request).words()).isEmpty();
    engine.engine().containers().kill(unrecorded(name));
    engine.awaitExit(name);
    assertThat(directory.resolve("out/model")).doesNotExist();
  }

  /** Docker's classic builder sets the signal, as a Dockerfile would. */
  @Test
  void theSignalThatTheImageNamesIsSent() throws IOException {
    Path context = Files.createDirectories(directory.resolve("context"));
    Path file = context.resolve("Dockerfile");
    Files.writeString(
        file,
        "FROM "
            + TestEngine.required("GPURUNNER_PYTHON_IMAGE")
            + "\nSTOPSIGNAL SIGUSR1\nENTRYPOINT [\"/work/launch.sh\"]\n");
    String image = "gpurunner-test-stop-signal:1";
    engine
        .connection()
        .call(
            "building " + image,
            CallLimits.CREATE,
            docker ->
                docker.buildImageCmd(file.toFile()).withTags(Set.of(image)).start().awaitImageId());
    try {
      ContainerName name = start(image, "bash /work/launch.sh", Map.of("STOP", "SIGUSR1"));
      assertThat(stop(name).exitCode()).as(said.toString()).isZero();
      assertThat(model()).isEqualTo("saved\nnext\n");
      assertThat(said).singleElement().asString().startsWith("SIGUSR1 sent to python3 ");
    } finally {
      engine
          .connection()
          .run(
              "removing " + image,
              CallLimits.REMOVE,
              docker -> docker.removeImageCmd(image).withForce(true).exec());
    }
  }
}
