@NullMarked
package io.gpurunner.agent.state;

import org.jspecify.annotations.NullMarked;
