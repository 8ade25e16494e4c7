package io.gpurunner.api;

/** Everything the API asks of the rest of the agent. Immutable; the ports are thread-safe. */
public record ApiPorts(
    Jobs jobs,
    MachineFacts facts,
    Health health,
    TokenRevocations revocations,
    ArtifactDownloads downloads) {}
