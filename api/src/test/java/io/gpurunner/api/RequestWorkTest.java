package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.Context;
import io.vertx.core.Vertx;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Tests what the requests of one user cost another. The event loop owns the work. */
final class RequestWorkTest {
  private static final int ALL = 1024;

  private final Vertx vertx = Vertx.vertx();
  private final Context loop = vertx.getOrCreateContext();
  private final RequestWork work = new RequestWork(vertx, ALL);
  private final CountDownLatch end = new CountDownLatch(1);

  @AfterEach
  void stop() throws Exception {
    end.countDown();
    vertx.close().toCompletionStage().toCompletableFuture().get(20, TimeUnit.SECONDS);
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** Starts requests that do not end before the latch opens. */
  private List<CompletableFuture<String>> hanging(String user, int count) {
    List<CompletableFuture<String>> answers = new ArrayList<>();
    for (int number = 0; number < count; number++) {
      answers.add(
          request(
              user,
              () -> {
                await(end);
                return "done";
              }));
    }
    return answers;
  }

  private CompletableFuture<String> request(String user, Supplier<String> todo) {
    CompletableFuture<String> answer = new CompletableFuture<>();
    loop.runOnContext(_ -> work.run(user, todo, answer::complete, answer::completeExceptionally));
    return answer;
  }

  @Test
  void requestsOfAUserWaitForHisOwnAndAnotherIsAnsweredMeanwhile() throws Exception {
    int atATime = ApiLimits.MAX_REQUESTS_OF_A_USER;
    List<CompletableFuture<String>> flood =
        hanging("flood", atATime + ApiLimits.MAX_WAITING_REQUESTS_OF_A_USER);
    assertThat(request("polite", () -> "at once").get(20, TimeUnit.SECONDS)).isEqualTo("at once");

    assertThat(request("flood", () -> "never"))
        .failsWithin(ApiFixture.PATIENCE)
        .withThrowableThat()
        .withMessageContaining("256 requests of flood wait already");
    assertThat(flood).noneMatch(CompletableFuture::isDone);
    end.countDown();
    for (CompletableFuture<String> answer : flood) {
      assertThat(answer.get(20, TimeUnit.SECONDS)).isEqualTo("done");
    }
    assertThat(request("flood", () -> "again").get(20, TimeUnit.SECONDS)).isEqualTo("again");
  }
}
