package io.gpurunner.agent.ledger.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class GroupContentTest {
  private static final Instant AT = Instant.parse("2026-01-01T00:00:00Z");

  private final JobHistory.Line line = new JobHistory.Line(AT, "note", "数据 \"x\"");
  private final Job job =
      Job.created(
          JobId.random(), "ann", 7, AT, Requests.simple().stopAfter(Duration.ofHours(1)).build());
  private final Entry.Created created =
      new Entry.Created(job, Optional.of(new Entry.Key("k", "digest")), List.of(line));
  private final Entry.Noted noted = new Entry.Noted(job.id(), 7, line);

  private static Frame group(byte[] content) {
    return new Frame(3, content);
  }

  @Test
  void entriesAreReadBackInOrder() throws IOException {
    List<Entry> read = new ArrayList<>();
    GroupContent.read(
        group(GroupContent.write(List.of(created, noted))),
        (sequence, json) -> {
          assertThat(sequence).isEqualTo(7);
          read.add(JobCodec.read(json, Entry.class));
        });
    assertThat(read).containsExactly(created, noted);
    assertThat(GroupContent.write(List.of())).isEmpty();
  }

  @Test
  void theJsonOfACreatedEntryIsAlsoThatOfTheJobsRecord() throws IOException {
    JobRecord record = JobRecord.after(Optional.empty(), created).orElseThrow();
    assertThat(JobCodec.read(JobCodec.write(created), JobRecord.class)).isEqualTo(record);
  }

  @Test
  void whatIsNoListOfEntriesIsRefusedByItsNumber() {
    byte[] whole = GroupContent.write(List.of(created, noted));
    byte[] json = "{\"number\":3,\"entries\":[]}".getBytes(StandardCharsets.UTF_8);
    for (byte[] content :
        List.of(json, new byte[5], Arrays.copyOf(whole, whole.length - 1), new byte[] {0})) {
      assertThatThrownBy(() -> GroupContent.read(group(content), (_, _) -> {}))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("group 3 has a form that this version cannot read");
    }
  }
}
