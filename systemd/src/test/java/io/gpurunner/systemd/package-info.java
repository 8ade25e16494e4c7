/** Checks what {@code make install} leaves on a machine, and that systemd accepts it. */
@NullMarked
package io.gpurunner.systemd;

import org.jspecify.annotations.NullMarked;
