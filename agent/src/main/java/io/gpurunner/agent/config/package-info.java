/** The configuration file (contract section 8) as typed, validated records. */
@NullMarked
package io.gpurunner.agent.config;

import org.jspecify.annotations.NullMarked;
