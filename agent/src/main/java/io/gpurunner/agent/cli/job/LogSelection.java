package io.gpurunner.agent.cli.job;

/**
 * What of a job's output a user wants to see.
 *
 * @param job the job's id
 * @param path the path of the request, with its filters
 * @param tail the parameter that limits what comes at first; it must not limit what comes after a
 *     broken connection
 * @param follow whether to go on until the job has ended
 * @param oneRun whether only one run is shown, which may end before the job does
 * @param raw whether control sequences are passed on to a terminal as they are
 */
record LogSelection(
    String job, String path, String tail, boolean follow, boolean oneRun, boolean raw) {}
