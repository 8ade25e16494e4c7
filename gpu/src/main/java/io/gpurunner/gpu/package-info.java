@NullMarked
package io.gpurunner.gpu;

import org.jspecify.annotations.NullMarked;
