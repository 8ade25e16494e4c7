package io.gpurunner.storage;

/**
 * How large a tree that a job wrote may be for it to be walked. An agent has half a gigabyte of
 * memory, and a hostile job all the names it likes.
 *
 * @param depth directories inside one another: each costs an open file while its inside is visited
 * @param entries files, directories, links and the rest, all counted
 * @param nameBytes of the paths of all entries together, below the root
 */
record TreeBounds(int depth, int entries, long nameBytes) {
  /** Far more than trainings leave, and about 100 MB of the agent's memory at worst. */
  static final TreeBounds USUAL = new TreeBounds(200, 500_000, 16L << 20);
}
