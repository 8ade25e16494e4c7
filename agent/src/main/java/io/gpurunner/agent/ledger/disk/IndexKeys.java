package io.gpurunner.agent.ledger.disk;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.api.JobId;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * The texts under which the index finds a job. All are in one sorted map, and their first letter
 * says which kind they are:
 *
 * <pre>
 * i ID                        the job of that id
 * k LENGTH : OWNER KEY        the job that an idempotency key created
 * o LENGTH : OWNER SEQUENCE   the jobs of a user, oldest first
 * l SEQUENCE                  the jobs that have not ended, oldest first
 * m LENGTH : OWNER SEQUENCE   the jobs of a user that have not ended, oldest first
 * e FILES ENDED SEQUENCE      ended jobs whose files are in that condition, the oldest end first
 * </pre>
 *
 * The length of a user's name stands before it, so no name can look like another one with a key.
 * Numbers are hexadecimal with all their digits, so that their order as texts is their order.
 * Stateless.
 */
final class IndexKeys {
  /** Added to a text, makes one that comes after all texts that begin with it. */
  static final String LAST = "\uffff";

  /** Added to a text, makes the one that comes next: before all longer ones that begin with it. */
  static final String NEXT = "\0";

  /** How many digits a number has. */
  private static final int NUMBER_DIGITS = 16;

  private IndexKeys() {}

  /** All keys of a job. */
  static List<String> of(JobRecord record) {
    Job job = record.job();
    List<String> keys = new ArrayList<>();
    keys.add(ofId(job.id()));
    keys.add(ofOwner(job.user()) + number(job.sequence()));
    record.key().ifPresent(key -> keys.add(ofKey(job.user(), key.key())));
    switch (job.state()) {
      case JobState.Final _ -> keys.add(ofEnded(job));
      case JobState.Live _ -> {
        keys.add(ofLive(Optional.empty()) + number(job.sequence()));
        keys.add(ofLive(Optional.of(job.user())) + number(job.sequence()));
      }
    }
    return keys;
  }

  static String ofId(JobId id) {
    return ofIdPrefix(id.value());
  }

  /** The beginning of the keys of all jobs whose id begins so. */
  static String ofIdPrefix(String prefix) {
    return "i" + prefix;
  }

  /** The beginning of the keys of all jobs that have not ended; of one user, or of all. */
  static String ofLive(Optional<String> owner) {
    return owner.map(name -> "m" + name.length() + ":" + name).orElse("l");
  }

  static String ofKey(String owner, String key) {
    return "k" + owner.length() + ":" + owner + key;
  }

  /** The beginning of the keys of all jobs of a user. */
  static String ofOwner(String owner) {
    return "o" + owner.length() + ":" + owner;
  }

  /** The key of an ended job. */
  static String ofEnded(Job job) {
    return switch (job.state()) {
      case JobState.Final ended ->
          ofEnded(job.files(), ended.finishedAt()) + number(job.sequence());
      case JobState.Live _ -> throw new IllegalArgumentException(job.id() + " has not ended");
    };
  }

  /** The beginning of the keys of all jobs that ended at that millisecond. */
  static String ofEnded(JobFiles files, Instant endedAt) {
    // The sign is turned round, so that times before 1970 come first.
    return "e" + files.name() + number(endedAt.toEpochMilli() ^ Long.MIN_VALUE);
  }

  /** The sequence at the end of a key. */
  static long sequenceIn(String key) {
    return HexFormat.fromHexDigitsToLong(key, key.length() - NUMBER_DIGITS, key.length());
  }

  static String number(long number) {
    return HexFormat.of().toHexDigits(number);
  }
}
