@NullMarked
package io.gpurunner.agent.aot;

import org.jspecify.annotations.NullMarked;
