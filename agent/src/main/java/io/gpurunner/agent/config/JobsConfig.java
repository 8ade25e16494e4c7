package io.gpurunner.agent.config;

import java.time.Duration;

/**
 * The settings for all jobs.
 *
 * @param gracePeriod time between SIGTERM and SIGKILL for a job that names none
 * @param maxVolumeMegabytes the largest volume that a job may ask for, in MB of 10^6 bytes
 * @param retention how long a finished job's directories are kept
 * @param deletedRetention how long a deleted job's directories are kept, if that is shorter
 */
public record JobsConfig(
    Duration gracePeriod, long maxVolumeMegabytes, Duration retention, Duration deletedRetention) {
  static JobsConfig read(Section section) {
    return new JobsConfig(
        section.value(
            "grace-period",
            Duration.ofSeconds(30),
            ValueForms.duration(Duration.ZERO, Duration.ofDays(1))),
        section.value("max-volume", 1_000_000L, ValueForms.MEGABYTES),
        section.value(
            "retention",
            Duration.ofDays(30),
            ValueForms.duration(Duration.ofSeconds(1), Duration.ofDays(36_500))),
        section.value(
            "deleted-retention",
            Duration.ofDays(1),
            ValueForms.duration(Duration.ofSeconds(1), Duration.ofDays(36_500))));
  }
}
