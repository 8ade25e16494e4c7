package io.gpurunner.agent.ledger;

import io.gpurunner.agent.ledger.disk.LedgerPlace;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.h2.store.fs.FilePath;

/**
 * A disk in memory that remembers in which order it was written, renamed and synced, and shows what
 * a power cut would have left at any point. Reached as {@code cut:/number/…} (CutFiles). What was
 * synced is there after a cut; of the rest, sectors are kept or not as the seed has it, names up to
 * some change; directories always are. Thread-safe.
 */
final class CutDisk implements AutoCloseable {
  static final String SCHEME = "cut";

  private static final Map<String, CutDisk> disks = new ConcurrentHashMap<>();
  private static final AtomicInteger numbers = new AtomicInteger();

  static {
    FilePath.register(new CutFiles());
  }

  /** One file; its name is the disk's business. */
  static final class Inode {
    private byte[] content;
    private int length;

    Inode(byte[] content) {
      this.content = content;
      this.length = content.length;
    }

    byte[] bytes() {
      return Arrays.copyOf(content, length);
    }

    private void write(int position, byte[] data, int from, int count) {
      if (position + count > content.length) {
        content = Arrays.copyOf(content, Math.max(position + count, content.length * 2));
      }
      System.arraycopy(data, from, content, position, count);
      length = Math.max(length, position + count);
    }

    private void setLength(int wanted) {
      if (wanted > content.length) {
        content = Arrays.copyOf(content, wanted);
      }
      if (wanted < length) {
        Arrays.fill(content, wanted, length, (byte) 0);
      }
      length = wanted;
    }
  }

  /** What was done to the disk, in order. */
  sealed interface Step {
    /** The same of other files. */
    default Step of(UnaryOperator<Inode> files) {
      return switch (this) {
        case Write write -> new Write(files.apply(write.file), write.position, write.data);
        case Truncate truncate -> new Truncate(files.apply(truncate.file), truncate.length);
        case Sync sync -> new Sync(files.apply(sync.file));
        case FailedSync sync -> new FailedSync(files.apply(sync.file));
        case Name name -> new Name(name.name, files.apply(name.file));
        case Rename _, Remove _, SyncNames _ -> this;
      };
    }

    @SuppressWarnings("ArrayRecordComponent") // not compared
    record Write(Inode file, int position, byte[] data) implements Step {}

    record Truncate(Inode file, int length) implements Step {}

    record Sync(Inode file) implements Step {}

    /** What was written since the last is forgotten: no later sync writes it. */
    record FailedSync(Inode file) implements Step {}

    record Name(String name, Inode file) implements Step {}

    record Rename(String from, String to) implements Step {}

    record Remove(String name) implements Step {}

    record SyncNames() implements Step {}
  }

  private final String number = String.valueOf(numbers.incrementAndGet());
  private final Map<String, Inode> names;
  private final Map<Inode, byte[]> atStart = new HashMap<>();
  private final Map<String, Inode> namesAtStart;
  private final Set<String> directories = new HashSet<>();
  private final List<Step> steps = new ArrayList<>();
  private boolean liesAboutSyncs;
  private int syncsBeforeFailure;
  private int syncsToFail;

  CutDisk() {
    this(new TreeMap<>(), Set.of(""));
  }

  /** The disk as it is for the next process: what this one's syncs did not write is still not. */
  private CutDisk(CutDisk before, int count) {
    Map<Inode, Inode> copies = new HashMap<>();
    UnaryOperator<Inode> copy = file -> copies.computeIfAbsent(file, before::copyAtStart);
    this.names = new TreeMap<>();
    before.namesAtStart.forEach((name, file) -> names.put(name, copy.apply(file)));
    this.namesAtStart = new TreeMap<>(names);
    this.directories.addAll(before.directories);
    before.steps.subList(0, count).forEach(step -> steps.add(step.of(copy)));
    copies.values().forEach(file -> atStart.put(file, file.bytes()));
    for (Step step : steps) {
      apply(step, names);
      switch (step) {
        case Step.Write write -> applyWhole(write, write.file);
        case Step.Truncate truncate -> applyWhole(truncate, truncate.file);
        case Step.Sync _,
            Step.FailedSync _,
            Step.Name _,
            Step.Rename _,
            Step.Remove _,
            Step.SyncNames _ -> {}
      }
    }
    disks.put(number, this);
  }

  private Inode copyAtStart(Inode file) {
    return new Inode(atStart.getOrDefault(file, new byte[0]).clone());
  }

  private CutDisk(Map<String, Inode> names, Set<String> directories) {
    this.names = names;
    this.directories.addAll(directories);
    this.namesAtStart = new TreeMap<>(names);
    names.values().forEach(file -> atStart.put(file, file.bytes()));
    disks.put(number, this);
  }

  /** From now on it says that it has synced files, and has not. */
  synchronized void lieAboutSyncs() {
    liesAboutSyncs = true;
  }

  /** Lets some of the next syncs of files and names pass, and then some fail. */
  synchronized void failSyncs(int passing, int failing) {
    syncsBeforeFailure = passing;
    syncsToFail = failing;
  }

  private boolean syncFails() {
    if (syncsToFail > 0 && syncsBeforeFailure-- <= 0) {
      syncsToFail--;
      return true;
    }
    return false;
  }

  static CutDisk of(String number) {
    return Optional.ofNullable(disks.get(number)).orElseThrow();
  }

  LedgerPlace place() {
    return new LedgerPlace(SCHEME + ":", Path.of("/" + number + "/ledger"));
  }

  // ---- used by CutFiles

  synchronized Optional<Inode> find(String name) {
    return Optional.ofNullable(names.get(name));
  }

  synchronized boolean isDirectory(String name) {
    return directories.contains(name);
  }

  synchronized void makeDirectory(String name) {
    directories.add(name);
  }

  synchronized List<String> entries(String directory) {
    String prefix = directory.isEmpty() ? "" : directory + "/";
    return names.keySet().stream()
        .filter(name -> name.startsWith(prefix) && name.indexOf('/', prefix.length()) < 0)
        .toList();
  }

  synchronized Inode create(String name) {
    Inode file = new Inode(new byte[0]);
    names.put(name, file);
    steps.add(new Step.Name(name, file));
    return file;
  }

  synchronized void rename(String from, String to) {
    names.put(to, Optional.ofNullable(names.remove(from)).orElseThrow());
    steps.add(new Step.Rename(from, to));
  }

  synchronized void remove(String name) {
    names.remove(name);
    steps.add(new Step.Remove(name));
  }

  synchronized void write(Inode file, int position, byte[] data) {
    file.write(position, data, 0, data.length);
    steps.add(new Step.Write(file, position, data));
  }

  synchronized void truncate(Inode file, int length) {
    if (length < file.length) {
      file.setLength(length);
      steps.add(new Step.Truncate(file, length));
    }
  }

  synchronized void sync(Inode file) throws IOException {
    if (syncFails()) {
      steps.add(new Step.FailedSync(file));
      throw new IOException("Input/output error");
    }
    if (!liesAboutSyncs) {
      steps.add(new Step.Sync(file));
    }
  }

  synchronized void syncNames() throws IOException {
    if (syncFails()) {
      throw new IOException("Input/output error");
    }
    steps.add(new Step.SyncNames());
  }

  synchronized int read(Inode file, int position, byte[] target) {
    int count = Math.min(target.length, file.length - position);
    if (count <= 0) {
      return -1;
    }
    System.arraycopy(file.content, position, target, 0, count);
    return count;
  }

  synchronized int length(Inode file) {
    return file.length;
  }

  // ---- cuts

  /** How many steps were done so far. */
  synchronized int stepCount() {
    return steps.size();
  }

  synchronized List<Step> stepsDone() {
    return List.copyOf(steps);
  }

  /**
   * The disk as a kill of the process leaves it: everything that was done can be read, and what was
   * not synced, or never will be, is lost at a cut as before.
   */
  synchronized CutDisk afterKill(int count) {
    return new CutDisk(this, count);
  }

  /** The disk as the worst of power cuts leaves it: nothing is there but what was synced. */
  synchronized CutDisk afterWorstCut(int count) {
    return image(count, Chance.NOTHING_KEPT);
  }

  /** The disk as a power cut after so many steps leaves it. */
  synchronized CutDisk afterCut(int count, Random random) {
    return image(count, new Chance(random));
  }

  private CutDisk image(int count, Chance cut) {
    Map<String, Inode> left = new TreeMap<>(namesAtStart);
    int namesKept = namesKept(count, cut);
    for (int i = 0; i < namesKept; i++) {
      apply(steps.get(i), left);
    }
    Map<Inode, Inode> images = new HashMap<>();
    left.replaceAll(
        (_, file) -> images.computeIfAbsent(file, original -> content(original, count, cut)));
    return new CutDisk(left, directories);
  }

  /** Changes of names reach the disk in order; those before the last sync of names all have. */
  private int namesKept(int count, Chance chance) {
    int synced = 0;
    for (int i = 0; i < count; i++) {
      if (steps.get(i) instanceof Step.SyncNames) {
        synced = i;
      }
    }
    return chance.between(synced, count);
  }

  private static void apply(Step step, Map<String, Inode> names) {
    switch (step) {
      case Step.Name name -> names.put(name.name, name.file);
      case Step.Rename rename -> {
        Inode moved = names.remove(rename.from);
        if (moved != null) {
          names.put(rename.to, moved);
        }
      }
      case Step.Remove remove -> names.remove(remove.name);
      case Step.Write _, Step.Truncate _, Step.Sync _, Step.FailedSync _, Step.SyncNames _ -> {}
    }
  }

  private Inode content(Inode file, int count, Chance cut) {
    Inode image = new Inode(atStart.getOrDefault(file, new byte[0]));
    Optional<Leftovers> leftovers = cut.leftovers();
    int from = 0;
    for (int i = 0; i < count; i++) {
      if (steps.get(i) instanceof Step.Sync sync && sync.file == file) {
        changes(file, from, i).forEach(step -> applyWhole(step, image));
        from = i;
      } else if (steps.get(i) instanceof Step.FailedSync sync && sync.file == file) {
        applyLeft(leftovers, changes(file, from, i), image);
        from = i;
      }
    }
    applyLeft(leftovers, changes(file, from, count), image);
    return image;
  }

  private static void applyLeft(Optional<Leftovers> leftovers, List<Step> changes, Inode image) {
    leftovers.ifPresent(left -> left.apply(changes, image));
  }

  private List<Step> changes(Inode file, int from, int to) {
    return steps.subList(from, to).stream()
        .filter(
            step ->
                (step instanceof Step.Write write && write.file == file)
                    || (step instanceof Step.Truncate truncate && truncate.file == file))
        .toList();
  }

  private static void applyWhole(Step change, Inode image) {
    switch (change) {
      case Step.Write write -> image.write(write.position, write.data, 0, write.data.length);
      case Step.Truncate truncate -> image.setLength(truncate.length);
      case Step.Sync _,
          Step.FailedSync _,
          Step.Name _,
          Step.Rename _,
          Step.Remove _,
          Step.SyncNames _ ->
          throw new AssertionError("none of these changes a file");
    }
  }

  /** Decides what a cut leaves. */
  private record Chance(Optional<Random> random) {
    static final Chance NOTHING_KEPT = new Chance(Optional.empty());

    Chance(Random random) {
      this(Optional.of(random));
    }

    int between(int least, int most) {
      return random
          .map(dice -> dice.nextInt(4) == 0 ? most : least + dice.nextInt(most - least + 1))
          .orElse(least);
    }

    Optional<Leftovers> leftovers() {
      return random.map(Leftovers::choose);
    }
  }

  /**
   * What is left of writes that were not synced.
   *
   * @param sectorBytes what the disk writes whole or not at all
   * @param kept how likely a sector is kept
   * @param ends whether a write's first and last sector are kept whatever else is: the worst for
   *     H2, which looks for those two
   * @param wholeWrites whether a write is kept or dropped as a whole, so that later ones pass
   *     earlier ones
   * @param lengthKept whether the file's new length is kept where its data is not
   * @param growthKept whether the file grows at all
   */
  private record Leftovers(
      Random random,
      int sectorBytes,
      double kept,
      boolean ends,
      boolean wholeWrites,
      boolean lengthKept,
      boolean growthKept) {

    static Leftovers choose(Random random) {
      return new Leftovers(
          random,
          random.nextBoolean() ? 512 : 4096,
          switch (random.nextInt(4)) {
            case 0 -> 0.1;
            case 1 -> 0.5;
            case 2 -> 0.9;
            default -> 1;
          },
          random.nextInt(3) == 0,
          random.nextInt(4) == 0,
          random.nextBoolean(),
          random.nextInt(4) != 0);
    }

    void apply(List<Step> steps, Inode image) {
      int before = image.length;
      int longest = before;
      for (Step step : steps) {
        switch (step) {
          case Step.Write write -> {
            longest = Math.max(longest, write.position + write.data.length);
            write(write, image);
          }
          case Step.Truncate truncate -> {
            if (random.nextBoolean()) {
              image.setLength(Math.min(image.length, truncate.length));
            }
          }
          case Step.Sync _,
              Step.FailedSync _,
              Step.Name _,
              Step.Rename _,
              Step.Remove _,
              Step.SyncNames _ ->
              throw new AssertionError("none of these is left over");
        }
      }
      if (!growthKept) {
        image.setLength(Math.min(image.length, before));
      } else if (lengthKept) {
        image.setLength(Math.max(image.length, longest));
      }
    }

    private void write(Step.Write write, Inode image) {
      boolean whole = wholeWrites && random.nextBoolean();
      if (wholeWrites && !whole) {
        return;
      }
      int at = 0;
      while (at < write.data.length) {
        // Sectors are those of the disk, not of the write.
        int inSector = (write.position + at) % sectorBytes;
        int count = Math.min(sectorBytes - inSector, write.data.length - at);
        boolean end = at == 0 || at + count == write.data.length;
        if (whole || (ends && end) || random.nextDouble() < kept) {
          image.write(write.position + at, write.data, at, count);
        }
        at += count;
      }
    }
  }

  @Override
  public void close() {
    disks.remove(number);
  }
}
