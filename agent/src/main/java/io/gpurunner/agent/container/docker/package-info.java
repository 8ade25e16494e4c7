/** The container ports on a Docker engine. No type of docker-java leaves this package. */
@NullMarked
package io.gpurunner.agent.container.docker;

import org.jspecify.annotations.NullMarked;
