package io.gpurunner.agent.cli.client;

import io.gpurunner.agent.cli.terminal.LivingLine;
import java.io.IOException;
import java.time.Duration;
import java.util.function.Predicate;

/**
 * Makes a call again while the agent answers 429: this user has other calls under way, as commands
 * in parallel have. Such an answer comes before any effect, so each call may be made again. A call
 * that changes nothing is also made again after a 503 that says how long to wait. One call uses it,
 * on one thread.
 */
final class Patience {
  /** How long one call of a command waits in all while the agent is busy. */
  static final Duration LIMIT = Duration.ofSeconds(10);

  /** A shorter wait is not shown to the user. */
  private static final Duration UNTOLD = Duration.ofSeconds(2);

  private final Surroundings around;
  private final Duration limit;
  private Duration waited = Duration.ZERO;

  /**
   * @param limit how long the call waits in all
   */
  Patience(Surroundings around, Duration limit) {
    this.around = around;
    this.limit = limit;
  }

  /** One call. */
  @FunctionalInterface
  interface Call<T> {
    T make() throws IOException;
  }

  /**
   * Makes a call.
   *
   * @throws AgentRefusedException with the agent's words; with 429, if the time is over, or the
   *     agent asks for more of it
   */
  <T> T make(Call<T> call) throws IOException {
    return make(call, AgentRefusedException::isBusy);
  }

  /**
   * Makes a call that changes nothing.
   *
   * @throws AgentRefusedException with the agent's words; with 429, or with 503 and how long to
   *     wait, if the time is over, or the agent asks for more of it
   */
  <T> T read(Call<T> call) throws IOException {
    return make(call, refused -> refused.isBusy() || refused.asksToWait());
  }

  private <T> T make(Call<T> call, Predicate<AgentRefusedException> passes) throws IOException {
    try {
      return call.make();
    } catch (AgentRefusedException refused) {
      return again(call, passes, refused);
    }
  }

  private <T> T again(
      Call<T> call, Predicate<AgentRefusedException> passes, AgentRefusedException first)
      throws IOException {
    AgentRefusedException refused = first;
    LivingLine line = new LivingLine(around.console());
    try {
      while (passes.test(refused) && fits(refused.pause())) {
        waited = waited.plus(refused.pause());
        if (waited.compareTo(UNTOLD) > 0) {
          line.show(refused.getMessage() + "; asking again", "busy");
        }
        around.pause().accept(refused.pause());
        try {
          return call.make();
        } catch (AgentRefusedException next) {
          refused = next;
        }
      }
    } finally {
      line.end();
    }
    throw refused;
  }

  private boolean fits(Duration pause) {
    return waited.plus(pause).compareTo(limit) <= 0;
  }
}
