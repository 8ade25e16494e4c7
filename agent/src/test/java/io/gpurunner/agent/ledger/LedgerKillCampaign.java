package io.gpurunner.agent.ledger;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code make kill-ledger N=…}: more kills than a round of tests has time for. */
class LedgerKillCampaign {
  @TempDir Path directory;

  @Test
  void everythingAnsweredIsThereAfterEveryKill() throws Exception {
    new KillCampaign(directory).runTimes(Integer.getInteger("gpurunner.kills", 2_000));
  }
}
