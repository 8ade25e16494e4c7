package io.gpurunner.storage;

/**
 * The largest tree of a job that is walked. An agent has half a gigabyte of memory, and a hostile
 * job may use any number of names.
 *
 * @param depth directories inside one another: each costs an open file while its inside is visited
 * @param entries all entries: files, directories, links and others
 * @param nameBytes of the paths of all entries together, below the root
 */
record TreeBounds(int depth, int entries, long nameBytes) {
  /**
   * The usual bounds: far more than trainings leave, and about 100 MB of the agent's memory at
   * worst.
   */
  static final TreeBounds USUAL = new TreeBounds(200, 500_000, 16L << 20);
}
