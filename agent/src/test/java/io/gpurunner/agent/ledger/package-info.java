@NullMarked
package io.gpurunner.agent.ledger;

import org.jspecify.annotations.NullMarked;
