@NullMarked
package io.gpurunner.agent.cli;

import org.jspecify.annotations.NullMarked;
