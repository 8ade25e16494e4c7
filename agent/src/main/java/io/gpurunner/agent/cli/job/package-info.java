/** The commands for the users of jobs. */
@NullMarked
package io.gpurunner.agent.cli.job;

import org.jspecify.annotations.NullMarked;
