@NullMarked
package io.gpurunner.agent.cli.job;

import org.jspecify.annotations.NullMarked;
