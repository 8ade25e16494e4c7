/**
 * The training runs for Java's ahead-of-time caches, and what makes a library fit for them. Each
 * class with a {@code main} is an entry of its own, and no other package uses them.
 */
@NullMarked
package io.gpurunner.agent.aot;

import org.jspecify.annotations.NullMarked;
