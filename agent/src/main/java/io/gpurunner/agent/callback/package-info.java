/** Telling a user's own server how a job ended: who may be called, how, and when again. */
@NullMarked
package io.gpurunner.agent.callback;

import org.jspecify.annotations.NullMarked;
