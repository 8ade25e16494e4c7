@NullMarked
package io.gpurunner.agent.callback;

import org.jspecify.annotations.NullMarked;
