/** Containers of jobs: what they are given, and the ports to the engine that runs them. */
@NullMarked
package io.gpurunner.agent.container;

import org.jspecify.annotations.NullMarked;
