package io.gpurunner.agent.container;

/**
 * Identifies a process of this boot. Its number alone does not, because another process may get the
 * number later.
 *
 * @param pid the process' number on the host
 * @param startTicks when the process began, in ticks since the boot (proc_pid_stat(5), starttime)
 */
public record ProcessKey(long pid, long startTicks) {}
