package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerOutput;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.container.Images;
import io.gpurunner.agent.container.RegistryRules;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.log.OutputKeeper;
import io.gpurunner.gpu.GpuInventory;
import io.gpurunner.storage.ArtifactPublisher;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.JobVolumes;

/** The ports that the steps of a job act on. */
public record StepPorts(
    JobLedger ledger,
    ContainerRuntime containers,
    Images images,
    ContainerOutput output,
    OutputKeeper keeper,
    SpecSource specs,
    JobVolumes volumes,
    VolumeWatch watch,
    ArtifactStore store,
    ArtifactPublisher publisher,
    GpuInventory gpus,
    GpuMeter meter,
    StartGate gate,
    ImageKeeper imageKeeper,
    RegistryRules registries) {}
