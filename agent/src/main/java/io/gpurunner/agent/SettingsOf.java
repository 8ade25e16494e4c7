package io.gpurunner.agent;

import io.gpurunner.agent.config.AgentConfig;
import io.gpurunner.agent.config.GpuConfig;
import io.gpurunner.agent.config.StoreConfig;
import io.gpurunner.agent.container.docker.DockerSettings;
import io.gpurunner.agent.container.docker.GpuAccessMode;
import io.gpurunner.api.ApiSettings;
import io.gpurunner.api.ArtifactDownloads;
import io.gpurunner.api.JwtSecret;
import io.gpurunner.gpu.GpuSettings;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.JobVolumes;
import io.gpurunner.storage.LocalArtifactStore;
import io.gpurunner.storage.S3ArtifactStore;
import io.gpurunner.storage.S3Settings;
import io.gpurunner.storage.VolumeSettings;
import io.gpurunner.storage.Volumes;
import java.time.Clock;

/** The configuration in each module's own terms. */
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
   * The store, and what serves its signed URLs: the local store's are served by this agent, a
   * bucket's by its server.
   */
  record Store(ArtifactStore store, ArtifactDownloads downloads, boolean local) {}

  Store openStore(byte[] signingKey, Clock clock) {
    return switch (config.store().type()) {
      case LOCAL -> {
        LocalArtifactStore local =
            new LocalArtifactStore(
                config.stateDir().resolve("artifacts"), config.http().publicUrl(), signingKey);
        yield new Store(local, new LocalDownloads(local, clock), true);
      }
      case S3 -> {
        ArtifactDownloads none =
            (_, _, _, _) ->
                new ArtifactDownloads.Download.Missing(
                    "artifacts are in the S3 bucket; ask for the job's status for a URL");
        yield new Store(new S3ArtifactStore(s3()), none, false);
      }
    };
  }

  private S3Settings s3() {
    StoreConfig.S3Config s3 = config.store().s3();
    S3Settings.Checksums checksums =
        switch (s3.checksums()) {
          case WHEN_REQUIRED -> S3Settings.Checksums.WHEN_REQUIRED;
          case WHEN_SUPPORTED -> S3Settings.Checksums.WHEN_SUPPORTED;
        };
    return new S3Settings(
        s3.endpoint(),
        s3.region(),
        s3.bucket().orElseThrow(),
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
