@NullMarked
package io.gpurunner.agent;

import org.jspecify.annotations.NullMarked;
