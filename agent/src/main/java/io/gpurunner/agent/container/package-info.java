/** Running containers: the ports the job's life calls, and Docker behind them. */
@NullMarked
package io.gpurunner.agent.container;

import org.jspecify.annotations.NullMarked;
