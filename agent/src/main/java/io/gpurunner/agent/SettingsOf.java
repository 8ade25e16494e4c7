package io.gpurunner.agent;

import io.gpurunner.agent.cli.Version;
import io.gpurunner.agent.config.AgentConfig;
import io.gpurunner.agent.config.GpuConfig;
import io.gpurunner.agent.config.LimitsConfig;
import io.gpurunner.agent.config.StoreConfig;
import io.gpurunner.agent.container.ContainerEngine;
import io.gpurunner.agent.container.docker.DockerEngine;
import io.gpurunner.agent.container.docker.DockerSettings;
import io.gpurunner.agent.container.docker.GpuAccessMode;
import io.gpurunner.agent.container.docker.PullSettings;
import io.gpurunner.agent.metrics.AgentMetrics;
import io.gpurunner.agent.os.HostFacts;
import io.gpurunner.agent.run.UserLimits;
import io.gpurunner.agent.state.InstanceId;
import io.gpurunner.api.ApiSettings;
import io.gpurunner.api.JwtSecret;
import io.gpurunner.gpu.GpuInventory;
import io.gpurunner.gpu.GpuSettings;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.JobVolumes;
import io.gpurunner.storage.LocalArtifactStore;
import io.gpurunner.storage.S3ArtifactStore;
import io.gpurunner.storage.S3Settings;
import io.gpurunner.storage.ServerTrust;
import io.gpurunner.storage.VolumeSettings;
import io.gpurunner.storage.Volumes;
import java.time.Clock;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.UnaryOperator;

/** Translates the configuration to the settings of each module. */
final class SettingsOf {
  private static final long BYTES_PER_MEGABYTE = 1_000_000;

  private final AgentConfig config;
  private final ServerTrust trust;

  SettingsOf(AgentConfig config) {
    this.config = config;
    this.trust = new ServerTrust(config.tls().caFile());
  }

  GpuSettings gpus() {
    GpuConfig gpu = config.gpu();
    return new GpuSettings(
        gpu.provider(),
        gpu.nvmlLibrary(),
        gpu.simulated(),
        gpu.idleMemory()
            .map(megabytes -> OptionalLong.of(megabytes * BYTES_PER_MEGABYTE))
            .orElseGet(OptionalLong::empty),
        gpu.ignoreProcesses());
  }

  /**
   * Prepares the connection to the container engine. Nothing is sent.
   *
   * @param agentTime converts a time of the engine, which uses the wall clock, to the agent's time
   * @param gpus simulated GPUs reach no container
   */
  ContainerEngine openEngine(UnaryOperator<Instant> agentTime, GpuInventory gpus) {
    String instance = InstanceId.loadOrCreate(config.stateDir());
    return DockerEngine.open(
        new DockerSettings(
            config.docker().host(),
            gpus.isSimulated() ? GpuAccessMode.NONE : config.docker().gpuAccess(),
            instance,
            new PullSettings(
                config.images().pull(),
                config.images().credentialsFile(),
                config.images().stall())),
        agentTime);
  }

  /** Returns the most bytes that one user may have on the disk, if that is limited. */
  OptionalLong diskPerUser() {
    return config
        .limits()
        .diskMegabytes()
        .map(megabytes -> OptionalLong.of(megabytes * BYTES_PER_MEGABYTE))
        .orElseGet(OptionalLong::empty);
  }

  JobVolumes openVolumes() {
    return Volumes.open(new VolumeSettings(config.stateDir(), config.volumes().enforcement()));
  }

  /**
   * Returns the local store. Its artifacts can be downloaded even if another store is configured.
   */
  LocalArtifactStore localStore(byte[] signingKey) {
    return new LocalArtifactStore(
        config.stateDir().resolve("artifacts"), config.http().publicUrl(), signingKey);
  }

  /** Opens the store that jobs are published to. */
  ArtifactStore openStore(ArtifactStore local) {
    return switch (config.store().type()) {
      case LOCAL -> local;
      case S3 -> new S3ArtifactStore(s3(config.store().s3().bucket().orElseThrow()));
    };
  }

  /** Returns the stores that jobs may have been published to before. */
  EarlierStores earlierStores(ArtifactStore local) {
    StoreConfig.S3Config s3 = config.store().s3();
    boolean keys = s3.accessKeyFile().isPresent() && s3.secretKeyFile().isPresent();
    return new EarlierStores(local, keys ? Optional.of(this::s3) : Optional.empty());
  }

  private S3Settings s3(String bucket) {
    StoreConfig.S3Config s3 = config.store().s3();
    return new S3Settings(
        s3.endpoint(),
        s3.region(),
        bucket,
        s3.pathStyle(),
        s3.accessKeyFile().orElseThrow(),
        s3.secretKeyFile().orElseThrow(),
        s3.checksums(),
        s3.proxy(),
        trust);
  }

  /** Returns the judge of the certificates of all servers that the agent calls. */
  ServerTrust trust() {
    return trust;
  }

  /** Returns what one user may have. */
  UserLimits userLimits() {
    LimitsConfig limits = config.limits();
    return new UserLimits(
        limits.queuedJobs(),
        limits.placedJobs(),
        limits.gpus().map(OptionalInt::of).orElseGet(OptionalInt::empty),
        limits.jobsWithoutGpus());
  }

  /** Creates the metrics. Nothing is read from any part yet. */
  AgentMetrics metrics(HostFacts host, Clock clock) {
    return new AgentMetrics(
        Version.number(),
        config.metrics().dcgmNames() ? Optional.of(host.hostName()) : Optional.empty(),
        clock);
  }

  ApiSettings api(JwtSecret secret) {
    return new ApiSettings(
        config.http().host(),
        config.http().port(),
        config.http().tls().map(tls -> new ApiSettings.TlsFiles(tls.certificate(), tls.key())),
        secret,
        ApiSettings.Waits.DEFAULT);
  }
}
