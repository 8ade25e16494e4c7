/** What a job is and how it moves: values and one pure function, no side effect. */
@NullMarked
package io.gpurunner.agent.job;

import org.jspecify.annotations.NullMarked;
