package io.gpurunner.agent.ledger;

import java.io.IOException;
import org.h2.message.DbException;
import org.h2.store.fs.FilePath;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An empty file beside a database that may lack on disk what it shows. The disk did not take what
 * was written, and the system has forgotten that it has yet to write it: later syncs pass. Only a
 * new file, synced as a whole, has no such gaps. The mark outlives this process, as what the system
 * shows does. Stateless.
 */
record UnsyncedMark(FilePath file) {
  private static final Logger log = LoggerFactory.getLogger(UnsyncedMark.class);

  static UnsyncedMark of(FilePath database) {
    return new UnsyncedMark(FilePath.get(database + ".unsynced"));
  }

  boolean isSet() {
    return file.exists();
  }

  /** As well as it goes, on a disk that fails. */
  void set() {
    boolean made = file.createFile();
    if (!made && !isSet()) {
      log.error("{} cannot be made, so a later start may take for written what is not", file);
    }
  }

  void clear() throws IOException {
    try {
      if (isSet()) {
        file.delete();
      }
    } catch (DbException e) {
      throw new IOException(e.getMessage(), e);
    }
  }
}
