package io.gpurunner.agent.config;

import java.time.Duration;

/**
 * What holds for every job.
 *
 * @param gracePeriod time between SIGTERM and SIGKILL where a job names none
 * @param maxVolumeMegabytes the largest volume a job may ask for, in MB of 10^6 bytes
 * @param retention how long a finished job's directories are kept
 */
public record JobsConfig(Duration gracePeriod, long maxVolumeMegabytes, Duration retention) {}
