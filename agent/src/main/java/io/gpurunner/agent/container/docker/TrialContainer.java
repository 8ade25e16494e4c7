package io.gpurunner.agent.container.docker;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.exception.NotFoundException;
import io.gpurunner.agent.container.ContainerSpec.GpuAttachment;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;

/**
 * Starts a container of the agent's own, to learn whether the engine can start any. It has what the
 * containers of jobs have: their network, limits, init process and GPUs. Its image holds one small
 * file, and is made here. Thread-safe; one trial at a time.
 */
final class TrialContainer {
  /**
   * The image. It is loaded whenever the engine does not have it. No registry of that name can
   * exist (RFC 2606), so no job can have another image pulled in its place.
   */
  static final String IMAGE = "gpurunner.invalid/trial:1";

  /** Docker's init process, which the engine puts into every container of ours. */
  private static final String INIT = "/sbin/docker-init";

  private final EngineConnection connection;
  private final OurLabels labels;

  TrialContainer(EngineConnection connection, OurLabels labels) {
    this.connection = connection;
    this.labels = labels;
  }

  /** Returns its name. Each agent on this machine has one. */
  private String name() {
    return "gpurunner-trial-" + labels.instance();
  }

  /**
   * Creates, starts and removes the container.
   *
   * @throws io.gpurunner.agent.container.ContainerException with the engine's words, if that is not
   *     possible
   */
  synchronized void run(GpuRequest gpus, GpuAttachment attachment, boolean raisesLimits) {
    remove(); // a trial may have been cut off
    try {
      loadImage();
      String id =
          connection.call(
              "creating a container for a trial",
              CallLimits.CREATE,
              docker -> create(docker, gpus, attachment, raisesLimits));
      connection.run(
          "starting a container for a trial",
          CallLimits.START,
          docker -> docker.startContainerCmd(id).exec());
    } finally {
      remove();
    }
  }

  private String create(
      DockerClient docker, GpuRequest gpus, GpuAttachment attachment, boolean raisesLimits) {
    return docker
        .createContainerCmd(IMAGE)
        .withName(name())
        .withLabels(Map.of(OurLabels.INSTANCE, labels.instance()))
        .withEnv("NVIDIA_VISIBLE_DEVICES=" + gpus.visibleDevices())
        .withEntrypoint(INIT, "--version")
        .withHostConfig(HostSettings.common(gpus, attachment, raisesLimits))
        .exec()
        .getId();
  }

  private void remove() {
    connection.run(
        "removing the container of a trial",
        CallLimits.REMOVE,
        docker -> {
          try {
            docker.removeContainerCmd(name()).withForce(true).withRemoveVolumes(true).exec();
          } catch (NotFoundException absent) {
            // What was wanted.
          }
        });
  }

  private void loadImage() {
    boolean present =
        connection.inspectImage("looking for the image of a trial", IMAGE, _ -> true).isPresent();
    if (!present) {
      connection.run(
          "loading the image of a trial",
          CallLimits.CREATE,
          docker -> docker.loadImageCmd(new ByteArrayInputStream(image())).exec());
    }
  }

  /** Returns an image as {@code docker load} reads it: one layer with one file. */
  static byte[] image() {
    byte[] layer =
        tar(
            Map.of(
                "gpurunner", "gpurunner starts this image to try the engine.\n".getBytes(UTF_8)));
    String config =
        """
        {"architecture":"%s","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}
        """
            .formatted(architecture(), sha256(layer));
    String manifest =
        """
        [{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]
        """
            .formatted(IMAGE);
    return tar(
        Map.of(
            "layer.tar",
            layer,
            "config.json",
            config.getBytes(UTF_8),
            "manifest.json",
            manifest.getBytes(UTF_8)));
  }

  /** Returns this machine's processor as images name it. */
  private static String architecture() {
    String name = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
    return name.equals("aarch64") ? "arm64" : name;
  }

  private static byte[] tar(Map<String, byte[]> files) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (TarArchiveOutputStream tar = new TarArchiveOutputStream(bytes)) {
      for (String name : files.keySet().stream().sorted().toList()) {
        byte[] content = files.getOrDefault(name, new byte[0]);
        TarArchiveEntry entry = new TarArchiveEntry(name);
        entry.setSize(content.length);
        entry.setModTime(0); // so that the same bytes come out each time
        tar.putArchiveEntry(entry);
        tar.write(content);
        tar.closeArchiveEntry();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has it", e);
    }
  }
}
