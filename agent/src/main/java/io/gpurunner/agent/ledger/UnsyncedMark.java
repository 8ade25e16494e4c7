package io.gpurunner.agent.ledger;

import java.io.IOException;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.h2.message.DbException;
import org.h2.store.fs.FilePath;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An empty file beside a database that may lack on disk what it shows. The disk did not take what
 * was written, and the system has forgotten that it has yet to write it: later syncs pass. Only a
 * new file, synced as a whole, has no such gaps. The mark outlives this process, as what the system
 * shows does; where the disk does not take it either, this process remembers it. Thread-safe.
 */
record UnsyncedMark(FilePath file) {
  private static final Logger log = LoggerFactory.getLogger(UnsyncedMark.class);

  private static final Set<String> set = ConcurrentHashMap.newKeySet();

  static UnsyncedMark of(FilePath database) {
    return new UnsyncedMark(FilePath.get(database + ".unsynced"));
  }

  boolean isSet() {
    return set.contains(file.toString()) || file.exists();
  }

  /** As well as it goes, on a disk that fails. */
  void set() {
    set.add(file.toString());
    boolean made = file.createFile();
    if (!made && !file.exists()) {
      log.error("{} cannot be made, so a later start may take for written what is not", file);
    }
  }

  void clear() throws IOException {
    try {
      if (file.exists()) {
        file.delete();
      }
      set.remove(file.toString());
    } catch (DbException e) {
      throw new IOException(e.getMessage(), e);
    }
  }
}
