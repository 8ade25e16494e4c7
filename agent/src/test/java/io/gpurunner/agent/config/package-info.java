@NullMarked
package io.gpurunner.agent.config;

import org.jspecify.annotations.NullMarked;
