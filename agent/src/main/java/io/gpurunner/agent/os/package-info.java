/** What the operating system is told and asked: systemd's readiness protocol, facts of the host. */
@NullMarked
package io.gpurunner.agent.os;

import org.jspecify.annotations.NullMarked;
