package io.gpurunner.agent.simulation;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.gpurunner.agent.ledger.MemoryLedger;
import java.nio.file.*;
import java.util.*;
import org.slf4j.LoggerFactory;

class Dev {
  public static void main(String[] a) throws Exception {
    ((Logger) LoggerFactory.getLogger("ROOT")).setLevel(Level.OFF);
    ((Logger) LoggerFactory.getLogger("io.gpurunner")).setLevel(Level.OFF);
    long from = Long.getLong("from", 1), to = Long.getLong("to", 300);
    int max = Integer.getInteger("bad", 10);
    Map<String, Integer> hot = new HashMap<>(), hot2 = new HashMap<>();
    Thread main = Thread.currentThread();
    if (Boolean.getBoolean("prof")) {
      Thread t =
          new Thread(
              () -> {
                try {
                  while (true) {
                    Thread.sleep(5);
                    StackTraceElement[] s = main.getStackTrace();
                    if (s.length == 0) continue;
                    synchronized (hot) {
                      hot.merge(s[0].toString(), 1, Integer::sum);
                      Set<String> seen = new HashSet<>();
                      for (StackTraceElement e : s) {
                        if (e.getClassName().startsWith("io.gpurunner")
                            && seen.add(e.getClassName() + "." + e.getMethodName()))
                          hot2.merge(e.getClassName() + "." + e.getMethodName(), 1, Integer::sum);
                      }
                    }
                  }
                } catch (Exception e) {
                }
              });
      t.setDaemon(true);
      t.start();
    }
    try (MemoryLedger ledger = new MemoryLedger()) {
      ModelFiles models = ModelFiles.make(Files.createTempDirectory("models"));
      var mx = java.lang.management.ManagementFactory.getThreadMXBean();
      long start = mx.getCurrentThreadCpuTime(), w = System.nanoTime(), turns = 0, jobs = 0;
      int bad = 0;
      if (Boolean.getBoolean("plants")) {
        for (PlantedBugs bug : PlantedBugs.values()) {
          boolean found = false;
          for (long seed = 1; seed <= 1000 && !found; seed++) {
            var r = Simulation.run(seed, false, ledger, models, bug);
            if (r.broken().isPresent()) {
              found = true;
              System.out.println(
                  bug + ": seed " + seed + ": " + r.broken().get().lines().limit(3).toList());
            }
          }
          if (!found) System.out.println(bug + ": NOT FOUND");
        }
        return;
      }
      long tell = Long.getLong("tell", 0);
      if (tell != 0) {
        var r = Simulation.run(tell, true, ledger, models, Plant.NONE);
        Files.writeString(
            Path.of("/tmp/w/sim-story.txt"),
            r.story() + "\n" + r.broken() + "\n" + r.fingerprint());
        System.out.println(r.broken() + " " + r.fingerprint());
        return;
      }
      for (long seed = from; seed <= to; seed++) {
        if (seed == from + (to - from) / 2) {
          start = mx.getCurrentThreadCpuTime();
          synchronized (hot) {
            hot.clear();
            hot2.clear();
          }
          turns = jobs = 0;
        }
        var r = Simulation.run(seed, false, ledger, models, Plant.NONE);
        if (Boolean.getBoolean("long") && r.turns() > 30000)
          System.out.println(seed + " " + r.turns() + " " + r.jobs() + " " + r.fingerprint());
        turns += r.turns();
        jobs += r.jobs();
        if (r.broken().isPresent()) {
          bad++;
          System.out.println("seed " + seed + ": " + r.broken().get().lines().limit(12).toList());
          if (bad >= max) break;
        }
      }
      long n = (to - from + 1) / 2;
      System.out.printf(
          "%.2f ms cpu a seed (2nd half), %d turns, %.1f jobs, bad %d, wall %d s%n",
          (mx.getCurrentThreadCpuTime() - start) / 1e6 / n,
          turns / n,
          jobs / (double) n,
          bad,
          (System.nanoTime() - w) / 1_000_000_000);
      synchronized (hot) {
        for (var m : List.of(hot, hot2))
          m.entrySet().stream()
              .sorted((x, y) -> y.getValue() - x.getValue())
              .limit(28)
              .forEach(e -> System.out.println(e.getValue() + " " + e.getKey()));
      }
    }
  }
}
