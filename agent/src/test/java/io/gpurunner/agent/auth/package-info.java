@NullMarked
package io.gpurunner.agent.auth;

import org.jspecify.annotations.NullMarked;
