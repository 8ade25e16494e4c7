package io.gpurunner.api;

/**
 * The ports through which the API uses the rest of the agent. Immutable; the ports are thread-safe.
 */
public record ApiPorts(
    Jobs jobs,
    Logs logs,
    MachineFacts facts,
    Health health,
    Gpus gpus,
    TokenRevocations revocations,
    ArtifactDownloads downloads,
    Metrics metrics,
    Events events,
    CallbackKeys callbackKeys) {}
