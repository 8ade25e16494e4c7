package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.agent.ledger.disk.JobRecord;
import io.gpurunner.api.Caller;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobRequest;
import io.gpurunner.api.JobStatus;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.storage.ArtifactPlace;
import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JobLedgerTest {
  private static final Instant T = Instant.parse("2026-01-01T00:00:00Z");
  private static final GpuUuid GPU = new GpuUuid("GPU-a");

  @TempDir Path directory;

  @SuppressWarnings("NullAway.Init") // opened before each test
  private JobLedger ledger;

  @BeforeEach
  void open() {
    ledger = JobLedger.open(directory.resolve("ledger"), Clock.fixed(T, ZoneOffset.UTC));
  }

  @AfterEach
  void close() {
    ledger.close();
  }

  private void reopen() {
    ledger.close();
    open();
  }

  private Job submit(JobRequest request) {
    return switch (ledger.create(Requests.ANN, request, "{}", Optional.empty())) {
      case Creation.Created created -> ledger.find(created.id()).orElseThrow();
      case Creation.Existing _, Creation.KeyReused _ -> throw new AssertionError("no key was sent");
    };
  }

  private Job applyAll(Job job, JobEvent... events) {
    Job current = job;
    for (JobEvent event : events) {
      current = ledger.apply(current, event);
    }
    return current;
  }

  private Job uploading(JobRequest request) {
    return applyAll(
        submit(request),
        new JobEvent.Leased(List.of(GPU)),
        new JobEvent.RunEnded(new Ending.Completed(), T),
        new JobEvent.ContainerGone(T),
        new JobEvent.GpusReleased(T, T.plusSeconds(60), false, List.of(), List.of(), List.of()));
  }

  private Job finished(JobRequest request, Ending ending) {
    Job job =
        applyAll(
            submit(request),
            new JobEvent.Leased(List.of(GPU)),
            new JobEvent.RunEnded(ending, T),
            new JobEvent.ContainerGone(T),
            new JobEvent.GpusReleased(
                T, T.plusSeconds(60), false, List.of(), List.of(), List.of()));
    return job.state() instanceof JobState.Uploading
        ? ledger.apply(
            job,
            new JobEvent.Uploaded(
                T, Optional.of("ds_model.bin"), new ArtifactPlace.Local(), List.of()))
        : job;
  }

  @Test
  void everythingOfAJobIsReadBackFromTheFileAsItWasWritten() {
    JobRequest request =
        Requests.simple()
            .stopAfter(Duration.ofMinutes(5))
            .callback(URI.create("http://127.0.0.1/cb"))
            .build();
    Job running =
        applyAll(
            submit(request),
            new JobEvent.Leased(List.of(GPU)),
            new JobEvent.Prepared(T),
            new JobEvent.Pulled("boot", Optional.empty(), Optional.empty()),
            new JobEvent.Started(T, Optional.of(T.plusSeconds(300)), "boot", "c1", "c1@1"));
    Job wished = ledger.requestDeletion(running.id(), "ann");
    reopen();
    assertThat(ledger.find(running.id())).contains(wished);
    assertThat(ledger.live()).containsExactly(wished);
    assertThat(ledger.leases()).containsExactly(java.util.Map.entry(GPU, running.id()));
    assertThat(wished.request()).isEqualTo(request);
  }

  @Test
  void aKeyIsNotToldBeforeItsJobIs() {
    List<Optional<Creation>> during = new CopyOnWriteArrayList<>();
    reopenAsking(_ -> during.add(ledger.findKey("ann", "k", "{}")));
    Creation created = createWithKey(Requests.ANN, "{}");
    assertThat(during).containsExactly(Optional.empty());
    assertThat(ledger.findKey("ann", "k", "{}")).contains(new Creation.Existing(created.id()));
    ledger.requestDeletion(created.id(), "ann");
    assertThat(ledger.findKey("ann", "k", "{}")).contains(new Creation.Existing(created.id()));
  }

  /** A group that finds no room in the journal can be read before it is synced. */
  @Test
  void aJobThatCanBeReadIsNotToldBeforeItIsOnDisk() {
    Job before = submit(Requests.simple().build());
    List<Object> told = new CopyOnWriteArrayList<>();
    reopenAsking(job -> told.addAll(toldOf(job.id())));
    Job created = submit(Requests.simple().build());
    assertThat(told).containsExactly(before, before);
    told.clear();
    told.addAll(toldOf(created.id()));
    assertThat(told).hasSize(7).startsWith(created, before, created, before);
  }

  /**
   * Closes the ledger and opens it again.
   *
   * @param question asked for each job that a commit changed, before that may be told
   */
  private void reopenAsking(Consumer<Job> question) {
    ledger.close();
    ledger =
        JobLedger.open(
            directory.resolve("ledger"),
            Clock.fixed(T, ZoneOffset.UTC),
            (boundary, changed) -> {
              if (boundary == CommitWatch.Boundary.UNTOLD) {
                changed.forEach(question);
              }
            });
  }

  @Test
  void aChangeOfAJobThatHasEndedIsNotToldBeforeItIsOnDisk() {
    Job done = finished(Requests.simple().build(), new Ending.Completed());
    Job failed =
        ledger.apply(
            uploading(Requests.simple().build()), new JobEvent.UploadGivenUp(T, "store is down"));
    List<Object> told = new CopyOnWriteArrayList<>();
    reopenAsking(job -> told.addAll(stateOf(job.id())));
    ledger.giveFilesUp(done.id());
    assertThat(told).containsExactly(done, done, Standing.of(done));
    told.clear();
    ledger.swept(done.id());
    Job sweeping = done.withFiles(JobFiles.SWEEPING);
    assertThat(told)
        .usingRecursiveFieldByFieldElementComparatorIgnoringFields("version")
        .containsExactly(sweeping, sweeping, Standing.of(sweeping));
    told.clear();
    Job again = ledger.apply(failed, new JobEvent.UploadResumed(T, T.plusSeconds(60)));
    assertThat(told).containsExactly(failed, failed, Standing.of(failed));
    assertThat(stateOf(failed.id())).containsExactly(again, again, Standing.of(again));
    assertThat(ledger.find(done.id()).orElseThrow().files()).isEqualTo(JobFiles.SWEPT);
  }

  private List<Object> stateOf(JobId id) {
    Job listed =
        ledger.page(Optional.empty(), 1, 10, job -> job).stream()
            .filter(job -> job.id().equals(id))
            .findFirst()
            .orElseThrow();
    return List.of(ledger.find(id).orElseThrow(), listed, ledger.standing(id).orElseThrow());
  }

  private List<Object> toldOf(JobId id) {
    List<Object> told = new ArrayList<>(ledger.page(Optional.empty(), 1, 10, job -> job));
    told.addAll(ledger.page(Optional.of("ann"), 1, 10, job -> job));
    ledger.find(id).ifPresent(told::add);
    ledger.standing(id).ifPresent(told::add);
    ledger.history(id, 1).forEach(told::add);
    return told;
  }

  @Test
  void theSameKeyAndBodyGiveTheSameJobAlsoAfterARestart() {
    Creation first = createWithKey(Requests.ANN, "{\"a\":1,\"b\":2}");
    reopen();
    JobId id = ledger.live().iterator().next().id();
    assertThat(first).isEqualTo(new Creation.Created(id));
    assertThat(createWithKey(Requests.ANN, "{ \"b\":2, \"a\":1 }"))
        .isEqualTo(new Creation.Existing(id));
    assertThat(createWithKey(Requests.ANN, "{\"a\":1,\"b\":3}"))
        .isEqualTo(new Creation.KeyReused(id));
    assertThat(ledger.findKey("ann", "k", "{\"a\":1,\"b\":2}")).contains(new Creation.Existing(id));
    assertThat(ledger.findKey("ann", "other", "{}")).isEmpty();
    assertThat(createWithKey(Requests.BOB, "{}")).isInstanceOf(Creation.Created.class);
    assertThat(ledger.live()).hasSize(2);
  }

  private Creation createWithKey(Caller user, String body) {
    return ledger.create(user, Requests.simple().build(), body, Optional.of("k"));
  }

  @Test
  void aDeviceIsLeasedOnce() {
    applyAll(submit(Requests.simple().build()), new JobEvent.Leased(List.of(GPU)));
    Job second = submit(Requests.simple().build());
    assertThatThrownBy(
            () -> ledger.apply(second, new JobEvent.Leased(List.of(new GpuUuid("GPU-b"), GPU))))
        .isInstanceOfSatisfying(
            LedgerException.class,
            e -> assertThat(e.kind()).isEqualTo(LedgerException.Kind.LEASE_TAKEN));
    assertThat(ledger.find(second.id())).contains(second);
    assertThat(ledger.leases()).hasSize(1);
    reopen();
    assertThat(ledger.find(second.id())).contains(second);
  }

  @Test
  void leasesEndWithTheRunAndNotBefore() {
    Job stopping =
        applyAll(
            submit(Requests.simple().build()),
            new JobEvent.Leased(List.of(GPU)),
            new JobEvent.RunEnded(new Ending.Completed(), T),
            new JobEvent.ContainerGone(T));
    assertThat(ledger.leases()).hasSize(1);
    ledger.apply(stopping, new JobEvent.GpusReleased(T, T, false, List.of(), List.of(), List.of()));
    assertThat(ledger.leases()).isEmpty();
    reopen();
    assertThat(ledger.leases()).isEmpty();
  }

  @Test
  void aDecisionOnAnOldVersionIsRefused() {
    Job job = submit(Requests.simple().build());
    applyAll(job, new JobEvent.Leased(List.of(GPU)));
    assertThatThrownBy(() -> ledger.apply(job, new JobEvent.Removed(T, "ann")))
        .isInstanceOfSatisfying(
            LedgerException.class, e -> assertThat(e.kind()).isEqualTo(LedgerException.Kind.STALE));
  }

  @Test
  void aJobThatMovedOnIsNotConfirmed() {
    Job job = submit(Requests.simple().build());
    ledger.confirm(job);
    assertThat(ledger.find(job.id())).contains(job);
    applyAll(job, new JobEvent.Leased(List.of(GPU)));
    assertThatThrownBy(() -> ledger.confirm(job))
        .isInstanceOfSatisfying(
            LedgerException.class, e -> assertThat(e.kind()).isEqualTo(LedgerException.Kind.STALE));
  }

  @Test
  void anEventThatCannotHappenChangesNothing() {
    Job job = submit(Requests.simple().build());
    assertThatThrownBy(
        () -> ledger.apply(job, new JobEvent.Pulled("boot", Optional.empty(), Optional.empty())));
    assertThat(ledger.find(job.id())).contains(job);
  }

  @Test
  void aQueuedJobIsDeletedAtOnceAndAFinishedOneStays() {
    Job queued = submit(Requests.simple().callback(URI.create("http://127.0.0.1/cb")).build());
    assertThat(ledger.requestDeletion(queued.id(), "ann").state())
        .isInstanceOf(JobState.Deleted.class);
    assertThat(DueCallbacks.of(ledger, T)).isEmpty();
    Job done = finished(Requests.simple().build(), new Ending.Completed());
    assertThat(ledger.requestDeletion(done.id(), "ann")).isEqualTo(done);
    assertThatThrownBy(() -> ledger.requestDeletion(JobId.random(), "ann"))
        .isInstanceOfSatisfying(
            LedgerException.class,
            e -> assertThat(e.kind()).isEqualTo(LedgerException.Kind.ABSENT));
  }

  @Test
  void aCallbackIsOwedForSuccessAndFailureUntilItIsDelivered() {
    URI url = URI.create("http://127.0.0.1/cb");
    Job good = finished(Requests.simple().callback(url).build(), new Ending.TimeUp());
    Job bad =
        finished(Requests.simple().callback(url).build(), new Ending.Broken("exit code 1", true));
    finished(Requests.simple().callback(url).build(), new Ending.DeletedBy("ann"));
    finished(Requests.simple().build(), new Ending.Completed());
    reopen();
    List<PendingCallback> due = DueCallbacks.of(ledger, T);
    assertThat(due).extracting(PendingCallback::job).containsExactlyInAnyOrder(good.id(), bad.id());
    assertThat(due).extracting(PendingCallback::success).containsExactlyInAnyOrder(true, false);
    ledger.callbackPostponed(due.get(0), T.plusSeconds(5), "HTTP 500");
    ledger.callbackDelivered(due.get(1), "HTTP 200");
    reopen();
    assertThat(DueCallbacks.of(ledger, T)).isEmpty();
    assertThat(ledger.callbacks().nextAfter(Instant.EPOCH)).contains(T.plusSeconds(5));
    List<PendingCallback> again = DueCallbacks.of(ledger, T.plusSeconds(5));
    assertThat(again)
        .singleElement()
        .extracting(PendingCallback::deliveryId)
        .isEqualTo(due.get(0).deliveryId());
    assertThat(again).singleElement().extracting(PendingCallback::tries).isEqualTo(1);
    ledger.callbackAbandoned(again.get(0), "given up");
    assertThat(ledger.callbacks().nextAfter(Instant.EPOCH)).isEmpty();
  }

  /** What a callback reports is asked by its sender at once, while the commit goes on. */
  @Test
  void whoeverSeesACallbackSeesTheEndThatItReports() throws Exception {
    URI url = URI.create("http://192.0.2.1/callback");
    AtomicBoolean over = new AtomicBoolean();
    CompletableFuture<Set<JobStatus.Phase>> seen =
        CompletableFuture.supplyAsync(
            () -> {
              Set<JobStatus.Phase> phases = new HashSet<>();
              while (!over.get()) {
                for (PendingCallback due : DueCallbacks.of(ledger, T)) {
                  phases.add(ledger.standing(due.job()).orElseThrow().phase());
                  ledger.callbackDelivered(due, "HTTP 200");
                }
              }
              return phases;
            });
    for (int i = 0; i < 500; i++) {
      finished(Requests.simple().callback(url).build(), new Ending.Completed());
    }
    over.set(true);
    assertThat(seen.get(60, TimeUnit.SECONDS)).containsOnly(JobStatus.Phase.SUCCESS);
  }

  /** The commit of an earlier try, of which its thread was not told, may come in between. */
  @Test
  void aDeliveredCallbackIsOwedNoMoreThoughAnotherTryWasRecordedSince() {
    finished(
        Requests.simple().callback(URI.create("http://127.0.0.1/cb")).build(), new Ending.TimeUp());
    PendingCallback due = DueCallbacks.of(ledger, T).getFirst();
    ledger.callbackPostponed(due, T.plusSeconds(5), "HTTP 500");
    ledger.callbackDelivered(due, "HTTP 200");
    assertThat(ledger.callbacks().nextAfter(Instant.EPOCH)).isEmpty();
    ledger.callbackPostponed(due, T.plusSeconds(5), "HTTP 500");
    assertThat(ledger.callbacks().nextAfter(Instant.EPOCH)).isEmpty();
  }

  @Test
  void theHistoryTellsEverythingInOrder() {
    Job done = finished(Requests.simple().build(), new Ending.Broken("exit code 1", true));
    assertThat(ledger.history(done.id(), 100))
        .extracting(JobHistory.Line::kind)
        .containsExactly("submitted", "note", "leased", "ending", "container-gone", "released");
    assertThat(ledger.history(done.id(), 2))
        .extracting(JobHistory.Line::kind)
        .containsExactly("container-gone", "released");
  }

  @Test
  void pagesShowTheNewestFirstAndOnlyTheUsersOwn() {
    List<JobId> ids = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      ids.add(submit(Requests.simple().build()).id());
    }
    ledger.create(Requests.BOB, Requests.simple().build(), "{}", Optional.empty());
    assertThat(ledger.count(Optional.empty())).isEqualTo(6);
    assertThat(ledger.count(Optional.of("ann"))).isEqualTo(5);
    assertThat(ledger.page(Optional.of("ann"), 2, 2, job -> job))
        .extracting(Job::id)
        .containsExactly(ids.get(2), ids.get(1));
    assertThat(ledger.loadOf("ann").jobs()).isEqualTo(5);
    assertThat(ledger.load().requestBytes()).isPositive();
    ledger.requestDeletion(ids.get(0), "ann");
    assertThat(ledger.loadOf("ann").jobs()).isEqualTo(4);
  }

  @Test
  void filesOfFinishedJobsAreGivenUpBeforeTheyAreSwept() {
    Job first = finished(Requests.simple().build(), new Ending.Completed());
    Job second = finished(Requests.simple().build(), new Ending.Completed());
    Instant later = T.plusSeconds(1);
    assertThat(ledger.sweepable(T, Optional.empty(), 10)).isEmpty();
    assertThat(ledger.sweepable(later, Optional.empty(), 10)).containsExactly(first, second);
    assertThat(ledger.sweepable(later, Optional.of(first), 10)).containsExactly(second);
    assertThat(ledger.giveFilesUp(first.id())).isTrue();
    reopen();
    assertThat(ledger.sweepable(later, Optional.empty(), 1))
        .extracting(Job::id)
        .contains(first.id());
    ledger.swept(first.id());
    assertThat(ledger.sweepable(later, Optional.empty(), 10)).containsExactly(second);
    assertThat(ledger.find(first.id()).orElseThrow().files()).isEqualTo(JobFiles.SWEPT);
  }

  @Test
  void filesThatALiveJobNeedsStayAndThoseGivenUpCannotBeUsed() {
    Job done = finished(Requests.simple().build(), new Ending.Completed());
    Job heir = submit(Requests.simple().resumeFrom(done.id()).build());
    assertThat(ledger.giveFilesUp(done.id())).isFalse();
    assertThat(ledger.giveFilesUp(heir.id())).isFalse();
    assertNotThere(() -> submit(Requests.simple().resumeFrom(heir.id()).build()));
    ledger.requestDeletion(heir.id(), "ann");
    assertThat(ledger.giveFilesUp(done.id())).isTrue();
    assertNotThere(() -> submit(Requests.simple().resumeFrom(done.id()).build()));
  }

  @Test
  void anUploadIsNotResumedFromFilesGivenUp() {
    Job uploading = uploading(Requests.simple().build());
    Job failed = ledger.apply(uploading, new JobEvent.UploadGivenUp(T, "store is down"));
    assertThat(ledger.giveFilesUp(failed.id())).isTrue();
    Job given = ledger.find(failed.id()).orElseThrow();
    assertNotThere(() -> ledger.apply(given, new JobEvent.UploadResumed(T, T.plusSeconds(60))));
  }

  private static void assertNotThere(ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            LedgerException.class,
            e -> assertThat(e.kind()).isEqualTo(LedgerException.Kind.FILES_NOT_THERE));
  }

  @Test
  void whatIsToldOfAnEndIsNotToldOnceTheJobIsTakenUpAgain() {
    Job uploading =
        uploading(Requests.simple().callback(URI.create("http://127.0.0.1/cb")).build());
    Job failed = ledger.apply(uploading, new JobEvent.UploadGivenUp(T, "store is down"));
    PendingCallback fail = DueCallbacks.of(ledger, T).getFirst();
    Job again = ledger.apply(failed, new JobEvent.UploadResumed(T, T.plusSeconds(60)));
    assertThat(ledger.callbacks().isPending(fail)).isFalse();
    ledger.apply(
        again,
        new JobEvent.Uploaded(
            T, Optional.of("ds_model.bin"), new ArtifactPlace.Local(), List.of()));
    assertThat(DueCallbacks.of(ledger, T)).singleElement().matches(PendingCallback::success);
  }

  @Test
  void aJobKeepsSoManyLinesAndSaysThatOthersWent() {
    JobId id = submit(Requests.simple().build()).id();
    for (int i = 0; i < JobRecord.LINE_LIMIT; i++) {
      ledger.note(id, "note", "line " + i);
    }
    List<JobHistory.Line> lines = ledger.history(id, 10_000);
    assertThat(lines).hasSizeLessThanOrEqualTo(JobRecord.LINE_LIMIT);
    assertThat(lines.getFirst().kind()).isEqualTo("submitted");
    assertThat(lines)
        .anySatisfy(line -> assertThat(line.message()).contains("older lines were removed"))
        .anySatisfy(
            line -> assertThat(line.message()).isEqualTo("line " + (JobRecord.LINE_LIMIT - 1)));
  }

  @Test
  void recordsGoOnceNothingNeedsThem() {
    URI url = URI.create("http://127.0.0.1/cb");
    Job live = submit(Requests.simple().build());
    Job kept = finished(Requests.simple().build(), new Ending.Completed());
    Job owing = sweep(finished(Requests.simple().callback(url).build(), new Ending.Completed()));
    Job old = sweep(finished(Requests.simple().build(), new Ending.Completed()));
    Job older = sweep(finished(Requests.simple().build(), new Ending.Completed()));
    Instant later = T.plusSeconds(1);

    assertThat(ledger.forget(T, 1_000, 10)).isZero();
    assertThat(ledger.forget(later, 1_000, 1)).isEqualTo(1);
    assertThat(ledger.find(old.id())).isEmpty();
    assertThat(ledger.history(old.id(), 10)).isEmpty();
    assertThat(ledger.forget(T, 4, 10)).isZero();
    assertThat(ledger.forget(T, 3, 10)).isEqualTo(1);
    assertThat(ledger.find(older.id())).isEmpty();
    assertThat(ledger.forget(later, 0, 10)).isZero();
    ledger.callbackDelivered(DueCallbacks.of(ledger, T).getFirst(), "HTTP 200");
    assertThat(ledger.forget(later, 1_000, 10)).isEqualTo(1);
    assertThat(ledger.find(owing.id())).isEmpty();
    reopen();
    assertThat(ledger.page(Optional.empty(), 1, 10, job -> job))
        .extracting(Job::id)
        .containsExactly(kept.id(), live.id());
  }

  private Job sweep(Job job) {
    assertThat(ledger.giveFilesUp(job.id())).isTrue();
    ledger.swept(job.id());
    return job;
  }

  @Test
  void aKeyGoesWithItsJob() {
    JobId id = ((Creation.Created) createWithKey(Requests.ANN, "{}")).id();
    ledger.requestDeletion(id, "ann");
    sweep(ledger.find(id).orElseThrow());
    assertThat(ledger.forget(T.plusSeconds(1), 1_000, 10)).isEqualTo(1);
    assertThat(createWithKey(Requests.ANN, "{}")).isInstanceOf(Creation.Created.class);
  }

  @Test
  void manyWritersAtOnceLoseNothing() throws InterruptedException {
    ConcurrentLinkedQueue<JobId> ids = new ConcurrentLinkedQueue<>();
    List<Thread> writers = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      writers.add(
          Thread.startVirtualThread(
              () -> {
                for (int j = 0; j < 20; j++) {
                  ids.add(submit(Requests.simple().build()).id());
                }
              }));
    }
    for (Thread writer : writers) {
      writer.join();
    }
    assertThat(ids).hasSize(1000).doesNotHaveDuplicates();
    reopen();
    assertThat(ledger.live()).extracting(Job::id).containsExactlyInAnyOrderElementsOf(ids);
  }

  @Test
  void aFileThatCannotBeOpenedIsNamed() {
    assertThatThrownBy(() -> JobLedger.open(Path.of("/proc/nowhere/ledger"), Clock.systemUTC()))
        .isInstanceOf(LedgerException.class)
        .hasMessageContaining("/proc/nowhere/ledger");
  }
}
