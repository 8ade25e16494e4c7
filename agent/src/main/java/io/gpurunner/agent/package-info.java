/** The wiring of the agent: its parts put together from the configuration, and its entry point. */
@NullMarked
package io.gpurunner.agent;

import org.jspecify.annotations.NullMarked;
