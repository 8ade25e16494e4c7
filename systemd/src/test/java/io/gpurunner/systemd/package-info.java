/** What {@code make install} leaves on a machine, and whether systemd takes it. */
@NullMarked
package io.gpurunner.systemd;

import org.jspecify.annotations.NullMarked;
