package io.gpurunner.agent.callback;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SystemHostResolverTest {
  /** A resolver that is closed looks up nothing any more. */
  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1", "::1", "2001:db8::7", "198.51.100.7"})
  void anAddressNeedsNoLookup(String literal) throws UnknownHostException {
    SystemHostResolver resolver = new SystemHostResolver();
    resolver.close();
    assertThat(resolver.resolve(literal)).containsExactly(InetAddress.ofLiteral(literal));
  }

  @ParameterizedTest
  @ValueSource(strings = {"no-such-host.invalid", "7.no-such-host.invalid", "1.2.3.4.5"})
  void aNameThatIsNotThereIsUnknown(String name) {
    try (SystemHostResolver resolver = new SystemHostResolver()) {
      assertThatThrownBy(() -> resolver.resolve(name))
          .isInstanceOf(UnknownHostException.class)
          .hasMessageStartingWith("the host " + name + " does not resolve: ");
    }
  }

  @Test
  void namesOfTheMachineAreKnown() throws UnknownHostException {
    try (SystemHostResolver resolver = new SystemHostResolver()) {
      assertThat(resolver.resolve("localhost")).anyMatch(InetAddress::isLoopbackAddress);
    }
  }

  /** The attack: names whose servers never answer. Another name is looked up at once. */
  @Test
  void namesThatNeverAnswerHoldUpNoOtherAndTooManyAreRefusedAtOnce() throws Exception {
    int hanging = SystemHostResolver.LOOKUPS_LIMIT - 1;
    CountDownLatch begun = new CountDownLatch(hanging);
    CountDownLatch all = new CountDownLatch(hanging + 1);
    CountDownLatch end = new CountDownLatch(1);
    Function<String, List<InetAddress>> lookup =
        name -> {
          if (name.startsWith("dead-")) {
            begun.countDown();
            all.countDown();
            await(end);
          }
          return List.of(InetAddress.ofLiteral("192.0.2.1"));
        };
    try (SystemHostResolver resolver = new SystemHostResolver(lookup);
        ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int name = 0; name < hanging; name++) {
        String dead = "dead-" + name + ".example";
        callers.execute(() -> lookUp(resolver, dead));
      }
      await(begun);
      assertThat(resolver.resolve("alive.example")).hasSize(1);

      callers.execute(() -> lookUp(resolver, "dead-too.example"));
      await(all);
      assertThatThrownBy(() -> resolver.resolve("one-more.example"))
          .hasMessageContaining("too many names are being looked up");
      end.countDown();
    }
  }

  private static void lookUp(SystemHostResolver resolver, String name) {
    try {
      assertThat(resolver.resolve(name)).isNotEmpty();
    } catch (UnknownHostException tooLate) {
      assertThat(tooLate).hasMessageContaining("no answer within");
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
  }
}
