/**
 * Keeps what the runs of jobs print: copies it from the engine while a run goes on, keeps it on
 * disk after the container is gone, and lets many read it.
 */
@org.jspecify.annotations.NullMarked
package io.gpurunner.agent.log;
