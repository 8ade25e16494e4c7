/** Callbacks to users' servers: which receivers may be called, one signed try, and the retries. */
@NullMarked
package io.gpurunner.agent.callback;

import org.jspecify.annotations.NullMarked;
