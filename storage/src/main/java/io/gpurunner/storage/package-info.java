/**
 * The files of jobs: their directories with size limits, the libraries that they read, and the
 * stores that take their artifacts.
 */
@NullMarked
package io.gpurunner.storage;

import org.jspecify.annotations.NullMarked;
