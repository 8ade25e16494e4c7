/**
 * The training run for Java's ahead-of-time cache. It is an entry of its own and a client of the
 * agent, and no other package uses it.
 */
@NullMarked
package io.gpurunner.agent.aot;

import org.jspecify.annotations.NullMarked;
