@NullMarked
package io.gpurunner.agent.fault;

import org.jspecify.annotations.NullMarked;
