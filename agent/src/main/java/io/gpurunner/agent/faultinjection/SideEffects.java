package io.gpurunner.agent.faultinjection;

import io.gpurunner.agent.port.NoSideEffect;
import io.gpurunner.agent.port.SideEffect;
import io.gpurunner.api.Jobs;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.JobVolumes;
import java.lang.annotation.Annotation;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Tells which methods of a port have a side effect. Every method must say so. A method of the
 * agent's own ports says it by {@link SideEffect} or {@link NoSideEffect}. The ports of other
 * modules cannot use these, so their methods are listed here. Stateless.
 */
final class SideEffects {
  /** The methods with a side effect, of the ports of other modules. */
  static final Map<Class<?>, Set<String>> LISTED =
      Map.of(
          Jobs.class, Set.of("create", "delete", "purge", "retryUpload"),
          ArtifactStore.class, Set.of("put", "deleteAll", "withdraw"),
          JobVolumes.class,
              Set.of("prepare", "seedCheckpoint", "reveal", "rest", "sync", "delete"));

  /** The methods without a side effect, of the same ports. */
  static final Map<Class<?>, Set<String>> LISTED_WITHOUT =
      Map.of(
          Jobs.class, Set.of("createdBefore", "status", "list", "detail", "artifacts", "disk"),
          ArtifactStore.class,
              Set.of("description", "place", "probe", "read", "signedUrl", "close"),
          JobVolumes.class,
              Set.of(
                  "paths",
                  "overrun",
                  "lookInterval",
                  "whyWatched",
                  "location",
                  "freeBytes",
                  "totalBytes",
                  "close"));

  private SideEffects() {}

  /**
   * Returns the methods of a port that have a side effect.
   *
   * @throws IllegalStateException naming a method that does not say whether it has one, or says
   *     both
   */
  static List<Method> of(Class<?> port) {
    return Arrays.stream(port.getMethods())
        .filter(method -> !Modifier.isStatic(method.getModifiers()))
        .filter(SideEffects::hasOne)
        .toList();
  }

  private static boolean hasOne(Method method) {
    boolean has = says(method, SideEffect.class, LISTED);
    boolean hasNot = says(method, NoSideEffect.class, LISTED_WITHOUT);
    if (has == hasNot) {
      throw new IllegalStateException(
          "%s.%s must say whether it has a side effect, and says %s: annotate it with @SideEffect or @NoSideEffect, or list it in SideEffects if its module cannot use them"
              .formatted(
                  method.getDeclaringClass().getSimpleName(),
                  method.getName(),
                  has ? "both" : "neither"));
    }
    return has;
  }

  private static boolean says(
      Method method, Class<? extends Annotation> mark, Map<Class<?>, Set<String>> listed) {
    return method.isAnnotationPresent(mark)
        || listed.getOrDefault(method.getDeclaringClass(), Set.of()).contains(method.getName());
  }
}
