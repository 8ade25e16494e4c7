/**
 * Marks for the methods of ports. Each method says whether it has a side effect, so that fault
 * injection knows where a test may end the agent.
 */
@NullMarked
package io.gpurunner.agent.port;

import org.jspecify.annotations.NullMarked;
