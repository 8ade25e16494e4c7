@NullMarked
package io.gpurunner.agent.cli.terminal;

import org.jspecify.annotations.NullMarked;
