@NullMarked
package io.gpurunner.agent.run;

import org.jspecify.annotations.NullMarked;
