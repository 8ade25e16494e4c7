package io.gpurunner.agent.ledger.disk;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LedgerDiskTest {
  private static final Instant AT = Instant.parse("2026-01-01T00:00:00Z");
  private static final int SMALL_SEGMENT_BYTES = 4_096;

  @TempDir Path directory;
  private long sequence;

  private LedgerDisk open(int segmentBytes) throws IOException {
    LedgerPlace place = LedgerPlace.onDisk(directory.resolve("ledger"));
    return LedgerDisk.open(place, segmentBytes, _ -> {});
  }

  private Entry created(int characters) {
    sequence++;
    Job job =
        Job.created(
            new JobId("ai00000000-0000-4000-8000-%012d".formatted(sequence)),
            "ann",
            sequence,
            AT,
            Requests.simple().environmentOf(characters).build());
    return new Entry.Created(job, Optional.empty(), List.of());
  }

  private List<String> names(String prefix) throws IOException {
    try (Stream<Path> files = Files.list(directory.resolve("ledger"))) {
      return files
          .map(file -> String.valueOf(file.getFileName()))
          .filter(name -> name.startsWith(prefix))
          .sorted()
          .toList();
    }
  }

  @Test
  void aSegmentHasItsLengthAndTheNextOneFollows() throws IOException {
    try (LedgerDisk disk = open(LedgerDisk.SEGMENT_BYTES)) {
      for (int group = 0; group < 5; group++) {
        disk.record(List.of(created(2 << 20)));
      }
    }
    assertThat(names("journal-"))
        .containsExactly("journal-0000000000000001", "journal-0000000000000004");
    for (String name : names("journal-")) {
      assertThat(directory.resolve("ledger").resolve(name)).hasSize(8 << 20);
    }
  }

  @Test
  void aSnapshotComesAfterTwoSegmentsAndAfterMoreWhereItIsLong() throws IOException {
    TreeSet<Integer> fullBefore = new TreeSet<>();
    try (LedgerDisk disk = open(SMALL_SEGMENT_BYTES)) {
      int full = 0;
      for (int group = 0; group < 300; group++) {
        String newest = names("snapshot-").getLast();
        long at = Long.parseLong(newest.substring("snapshot-".length()));
        full =
            (int)
                    names("journal-").stream()
                        .filter(name -> Long.parseLong(name.substring("journal-".length())) > at)
                        .count()
                - 1;
        disk.tidy();
        if (!names("snapshot-").getLast().equals(newest)) {
          fullBefore.add(full);
        }
        disk.record(List.of(created(0)));
      }
      assertThat(names("snapshot-")).hasSize(2);
    }
    assertThat(fullBefore.first()).isEqualTo(2);
    assertThat(fullBefore.last()).isEqualTo(4);
  }
}
