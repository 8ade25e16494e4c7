@NullMarked
package io.gpurunner.agent.cli.client;

import org.jspecify.annotations.NullMarked;
