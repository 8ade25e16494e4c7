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
    return new DockerSettings(config.docker().host(), access, config.stateDir().toString());
  }
}
