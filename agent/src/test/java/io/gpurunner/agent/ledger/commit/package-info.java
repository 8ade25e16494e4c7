@NullMarked
package io.gpurunner.agent.ledger.commit;

import org.jspecify.annotations.NullMarked;
