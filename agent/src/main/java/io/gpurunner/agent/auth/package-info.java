/** Secrets on disk, and the tokens issued with them. */
@NullMarked
package io.gpurunner.agent.auth;

import org.jspecify.annotations.NullMarked;
