@NullMarked
package io.gpurunner.agent.faultinjection;

import org.jspecify.annotations.NullMarked;
