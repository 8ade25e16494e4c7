package io.gpurunner.agent;

import io.gpurunner.agent.config.AgentConfig;
import io.gpurunner.agent.config.GpuConfig;
import io.gpurunner.agent.config.StoreConfig;
import io.gpurunner.agent.container.docker.DockerSettings;
import io.gpurunner.agent.container.docker.GpuAccessMode;
import io.gpurunner.agent.state.InstanceId;
import io.gpurunner.api.ApiSettings;
import io.gpurunner.api.JwtSecret;
import io.gpurunner.gpu.GpuSettings;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.JobVolumes;
import io.gpurunner.storage.LocalArtifactStore;
import io.gpurunner.storage.S3ArtifactStore;
import io.gpurunner.storage.S3Settings;
import io.gpurunner.storage.VolumeSettings;
import io.gpurunner.storage.Volumes;
import java.util.Optional;

/** Translates the configuration to the settings of each module. */
final class SettingsOf {
  private final AgentConfig config;

  SettingsOf(AgentConfig config) {
    this.config = config;
  }

  GpuSettings gpus() {
    GpuConfig gpu = config.gpu();
    GpuSettings.Provider provider =
        switch (gpu.provider()) {
          case AUTO -> GpuSettings.Provider.AUTO;
          case NVML -> GpuSettings.Provider.NVML;
          case SIMULATED -> GpuSettings.Provider.SIMULATED;
          case NONE -> GpuSettings.Provider.NONE;
        };
    return new GpuSettings(provider, gpu.nvmlLibrary(), gpu.simulated());
  }

  DockerSettings docker() {
    GpuAccessMode access =
        switch (config.docker().gpuAccess()) {
          case AUTO -> GpuAccessMode.AUTO;
          case RUNTIME -> GpuAccessMode.RUNTIME;
          case CDI -> GpuAccessMode.CDI;
          case NONE -> GpuAccessMode.NONE;
        };
    return new DockerSettings(
        config.docker().host(), access, InstanceId.loadOrCreate(config.stateDir()));
  }

  JobVolumes openVolumes() {
    VolumeSettings.Enforcement enforcement =
        switch (config.volumes().enforcement()) {
          case AUTO -> VolumeSettings.Enforcement.AUTO;
          case PROJECT_QUOTA -> VolumeSettings.Enforcement.PROJECT_QUOTA;
          case IMAGE -> VolumeSettings.Enforcement.IMAGE;
          case WATCH -> VolumeSettings.Enforcement.WATCH;
        };
    return Volumes.open(new VolumeSettings(config.stateDir(), enforcement));
  }

  /**
   * Returns the local store. Its artifacts can be downloaded even if another store is configured.
   */
  LocalArtifactStore localStore(byte[] signingKey) {
    return new LocalArtifactStore(
        config.stateDir().resolve("artifacts"), config.http().publicUrl(), signingKey);
  }

  boolean isStoreLocal() {
    return config.store().type() == StoreConfig.Type.LOCAL;
  }

  /** Opens the store that jobs are published to. */
  ArtifactStore openStore(ArtifactStore local) {
    return switch (config.store().type()) {
      case LOCAL -> local;
      case S3 -> new S3ArtifactStore(s3(config.store().s3().bucket().orElseThrow()));
    };
  }

  /** Returns the stores that jobs may have been published to before. */
  EarlierStores earlierStores(LocalArtifactStore local) {
    StoreConfig.S3Config s3 = config.store().s3();
    boolean keys = s3.accessKeyFile().isPresent() && s3.secretKeyFile().isPresent();
    return new EarlierStores(local, keys ? Optional.of(this::s3) : Optional.empty());
  }

  private S3Settings s3(String bucket) {
    StoreConfig.S3Config s3 = config.store().s3();
    S3Settings.Checksums checksums =
        switch (s3.checksums()) {
          case WHEN_REQUIRED -> S3Settings.Checksums.WHEN_REQUIRED;
          case WHEN_SUPPORTED -> S3Settings.Checksums.WHEN_SUPPORTED;
        };
    return new S3Settings(
        s3.endpoint(),
        s3.region(),
        bucket,
        s3.pathStyle(),
        s3.accessKeyFile().orElseThrow(),
        s3.secretKeyFile().orElseThrow(),
        checksums);
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
