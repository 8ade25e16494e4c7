@NullMarked
package io.gpurunner.storage;

import org.jspecify.annotations.NullMarked;
