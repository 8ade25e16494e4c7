@NullMarked
package io.gpurunner.agent.ledger.disk;

import org.jspecify.annotations.NullMarked;
