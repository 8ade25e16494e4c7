@NullMarked
package io.gpurunner.api;

import org.jspecify.annotations.NullMarked;
