/** How jobs advance: the queue, the steps of a run, callbacks, and what keeps them going. */
@NullMarked
package io.gpurunner.agent.run;

import org.jspecify.annotations.NullMarked;
