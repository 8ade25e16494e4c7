@NullMarked
package io.gpurunner.agent.cli.top;

import org.jspecify.annotations.NullMarked;
