/** The command {@code top}: a picture of GPUs and jobs that is drawn again and again. */
@NullMarked
package io.gpurunner.agent.cli.top;

import org.jspecify.annotations.NullMarked;
