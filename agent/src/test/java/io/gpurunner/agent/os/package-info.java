@NullMarked
package io.gpurunner.agent.os;

import org.jspecify.annotations.NullMarked;
