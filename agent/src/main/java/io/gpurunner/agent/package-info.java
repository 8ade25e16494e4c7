/** The agent: its parts put together, and its entry. */
@NullMarked
package io.gpurunner.agent;

import org.jspecify.annotations.NullMarked;
