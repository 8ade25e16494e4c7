package io.gpurunner.agent.faultinjection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.port.NoSideEffect;
import io.gpurunner.agent.port.SideEffect;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class SideEffectsTest {
  interface Marked {
    @SideEffect
    void write();

    @NoSideEffect
    int read();

    static void helper() {}
  }

  interface Forgetful {
    void forgotten();
  }

  interface Undecided {
    @SideEffect
    @NoSideEffect
    void both();
  }

  static Set<Class<?>> ports() {
    return FaultPoints.PORTS.keySet();
  }

  @ParameterizedTest
  @MethodSource("ports")
  void everyMethodOfAPortSaysWhetherItHasASideEffect(Class<?> port) {
    assertThat(SideEffects.of(port)).as("methods of " + port + " with a side effect").isNotEmpty();
  }

  @Test
  void aMarkedMethodIsFoundAndAStaticOneIsNoPartOfThePort() {
    assertThat(SideEffects.of(Marked.class)).extracting(Method::getName).containsExactly("write");
  }

  @Test
  void aForgottenMethodIsNamed() {
    assertThatThrownBy(() -> SideEffects.of(Forgetful.class))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("Forgetful.forgotten")
        .hasMessageContaining("neither");
  }

  @Test
  void aMethodThatSaysBothIsNamed() {
    assertThatThrownBy(() -> SideEffects.of(Undecided.class))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("Undecided.both");
  }

  /** A method that was renamed or removed does not stay in the lists. */
  @Test
  void theListsNameOnlyMethodsThatExist() {
    for (Map<Class<?>, Set<String>> list : Set.of(SideEffects.LISTED, SideEffects.LISTED_WITHOUT)) {
      list.forEach(
          (port, names) -> assertThat(methodsOf(port)).as(port.toString()).containsAll(names));
    }
  }

  private static Set<String> methodsOf(Class<?> port) {
    return Arrays.stream(port.getMethods()).map(Method::getName).collect(Collectors.toSet());
  }

  /** Configurations and scripts use these names. */
  @Test
  void theNamesOfThePointsStay() {
    Set<String> points =
        FaultPoints.names().stream()
            .filter(name -> !name.startsWith("ledger."))
            .map(name -> name.substring(0, name.lastIndexOf('.')))
            .collect(Collectors.toCollection(TreeSet::new));
    assertThat(points)
        .containsExactlyElementsOf(
            Stream.of(
                    "api.create api.delete api.purge api.retryUpload",
                    "callbacks.send",
                    "containers.askToStop containers.create containers.discard"
                        + " containers.endProcesses",
                    "containers.kill containers.remove containers.start",
                    "images.ensurePresent",
                    "output.abandon output.finish output.follow",
                    "store.deleteAll store.put store.withdraw",
                    "volumes.delete volumes.prepare volumes.rest volumes.reveal"
                        + " volumes.seedCheckpoint",
                    "volumes.sync")
                .flatMap(line -> Arrays.stream(line.split(" ")))
                .toList());
  }
}
