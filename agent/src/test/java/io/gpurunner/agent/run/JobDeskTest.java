package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.Caller;
import io.gpurunner.api.Health;
import io.gpurunner.api.JobDetail;
import io.gpurunner.api.JobFilter;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobPage;
import io.gpurunner.api.JobRequest;
import io.gpurunner.api.JobStatus;
import io.gpurunner.api.RequestRefusedException;
import io.gpurunner.api.RequestRefusedException.Kind;
import io.gpurunner.storage.StorageException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JobDeskTest {
  private static final String BODY = "{}";
  private static final int CLIENTS = 50;

  private Function<JobId, Optional<String>> whatIsMissing = _ -> Optional.empty();
  private static final Caller ANN = new Caller("ann", false);
  private static final Caller BOB = new Caller("bob", false);
  private static final Caller ROOT = new Caller("root", true);

  @TempDir Path directory;

  private Health.Report health =
      new Health.Report(List.of(new Health.Part("docker", true, "Docker 20.10")));

  @SuppressWarnings("NullAway.Init") // created before each test
  private RunHarness run;

  @SuppressWarnings("NullAway.Init") // created before each test
  private Dispatcher dispatcher;

  private JobDesk desk;

  @BeforeEach
  void make() {
    run = new RunHarness(directory);
    dispatcher = run.newDispatcher();
    desk = newDesk(new UserLimits(20_000, 64, OptionalInt.of(8), 32));
  }

  private JobDesk newDesk(UserLimits limits) {
    return new JobDesk(
        run.ledger,
        dispatcher,
        run.meter,
        job -> whatIsMissing.apply(job.id()),
        new ArtifactUrls(run.store, _ -> Optional.empty(), Duration.ofDays(7), run.clock),
        () -> health,
        new RunSettings(
            Duration.ofSeconds(30), Duration.ofHours(1), Duration.ofMinutes(1), "boot-1"),
        limits,
        run.clock,
        UnaryOperator.identity());
  }

  @AfterEach
  void close() {
    run.close();
  }

  private static void assertRefused(Kind kind, String words, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            RequestRefusedException.class, refused -> assertThat(refused.kind()).isEqualTo(kind))
        .hasMessageContaining(words);
  }

  @Test
  void theViewOfAWaitingJobHasItsLatestStart() {
    Requests both = Requests.simple().gpus(2).stopAfter(Duration.ofHours(1));
    JobId first = desk.create(ANN, both.build(), BODY, Optional.empty());
    JobId second = desk.create(ANN, both.build(), BODY, Optional.empty());
    dispatcher.round();

    assertThat(desk.detail(ANN, second).latestStart())
        .contains(run.clock.instant().plus(Duration.ofHours(1)).plusSeconds(30));
    assertThat(desk.list(ANN, JobFilter.ALL, 1, 10).content())
        .extracting(job -> job.latestStart().isPresent())
        .containsExactly(true, false);
    desk.delete(ANN, second);
    assertThat(desk.detail(ANN, first).latestStart()).isEmpty();
  }

  @Test
  void aJobIsItsOwnersAndTheAdminsAndNobodyElses() {
    JobId id = desk.create(ANN, Requests.simple().build(), BODY, Optional.empty());
    assertThat(desk.status(ANN, id).phase()).isEqualTo(JobStatus.Phase.WORKING);
    assertThat(desk.status(ROOT, id).phase()).isEqualTo(JobStatus.Phase.WORKING);
    assertRefused(Kind.NOT_FOUND, "no such job", () -> desk.status(BOB, id));
    assertRefused(Kind.NOT_FOUND, "no such job", () -> desk.delete(BOB, id));
    assertRefused(Kind.NOT_FOUND, "no such job", () -> desk.detail(BOB, id));
    assertRefused(Kind.NOT_FOUND, "no such job", () -> desk.retryUpload(BOB, id));
    assertRefused(Kind.NOT_FOUND, "no such job", () -> desk.purge(BOB, id));
    assertThat(desk.list(BOB, JobFilter.ALL, 1, 10).totalElements()).isZero();
    assertThat(desk.list(ROOT, JobFilter.ALL, 1, 10).content())
        .extracting(JobDetail::id)
        .containsExactly(id);
  }

  @Test
  void whileAPartIsMissingNoJobIsTakenAndThePartIsNamed() {
    health =
        new Health.Report(
            List.of(new Health.Part("docker", false, "no answer at unix:///run/docker.sock")));
    assertRefused(
        Kind.UNAVAILABLE,
        "docker: no answer at unix:///run/docker.sock",
        () -> desk.create(ANN, Requests.simple().build(), BODY, Optional.empty()));
    assertThat(run.ledger.live()).isEmpty();
  }

  @Test
  void whileTheGpusCannotBeReadJobsWithoutThemAreTaken() {
    health =
        new Health.Report(
            List.of(
                new Health.Part("docker", true, "Docker 20.10"),
                new Health.Part("gpus", false, "driver not loaded")));
    assertRefused(
        Kind.UNAVAILABLE,
        "gpus: driver not loaded",
        () -> desk.create(ANN, Requests.simple().build(), BODY, Optional.empty()));
    JobId id = desk.create(ANN, Requests.simple().gpus(0).build(), BODY, Optional.empty());
    assertThat(run.ledger.live()).extracting(Job::id).containsExactly(id);
  }

  /**
   * The request was checked earlier. Recording it checks again, because things may have changed.
   */
  @Test
  void nobodyResumesFromWhatIsNotHisOrNotThere() {
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
    JobRequest resuming = Requests.simple().resumeFrom(id).build();
    assertRefused(
        Kind.CONFLICT,
        id + " has not ended yet",
        () -> desk.create(ANN, resuming, BODY, Optional.empty()));
    run.toTheEnd(id);
    assertRefused(
        Kind.CONFLICT,
        "resumeFrom: no such job: " + id,
        () -> desk.create(BOB, resuming, BODY, Optional.empty()));
    assertThat(run.ledger.live()).isEmpty();
    JobRequest fromNone = Requests.simple().resumeFrom(JobId.random()).build();
    assertRefused(
        Kind.CONFLICT,
        "resumeFrom: no such job: ",
        () -> desk.create(ROOT, fromNone, BODY, Optional.empty()));
    for (Caller caller : List.of(ANN, ROOT)) {
      desk.delete(caller, desk.create(caller, resuming, BODY, Optional.empty()));
    }
    run.ledger.giveFilesUp(id);
    for (Caller caller : List.of(ANN, ROOT)) {
      assertRefused(
          Kind.CONFLICT,
          "the files of " + id + " were removed",
          () -> desk.create(caller, resuming, BODY, Optional.empty()));
    }
    assertThat(run.ledger.live()).isEmpty();
  }

  @Test
  void aSecondListOfAUserAndOneTooManyAreRefusedAtOnce() throws Exception {
    JobId id = desk.create(ANN, Requests.simple().build(), BODY, Optional.empty());
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    whatIsMissing =
        _ -> {
          begun.countDown();
          awaitQuietly(goOn);
          return Optional.empty();
        };
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<JobPage> first = threads.submit(() -> desk.list(ANN, JobFilter.ALL, 1, 1000));
      assertThat(begun.await(20, TimeUnit.SECONDS)).isTrue();
      assertRefused(
          Kind.TOO_MANY, "another list for ann", () -> desk.list(ANN, JobFilter.ALL, 1, 1));
      // 1,000 of 2,000 rows are taken: there is room for another 1,000, and not for one more.
      assertThat(desk.list(BOB, JobFilter.ALL, 1, 1000).totalElements()).isZero();
      assertRefused(
          Kind.UNAVAILABLE, "lists of 2000 jobs", () -> desk.list(BOB, JobFilter.ALL, 1, 1001));
      goOn.countDown();
      assertThat(first.get(20, TimeUnit.SECONDS).content())
          .extracting(JobDetail::id)
          .containsExactly(id);
    }
    assertThat(desk.list(ANN, JobFilter.ALL, 1, 2000).totalElements()).isEqualTo(1);
    assertThat(desk.list(BOB, JobFilter.ALL, 1, 2000).totalElements()).isZero();
  }

  @Test
  void aListCanBeOfLiveOrEndedJobsOfAUserOrOfIdsThatBeginSo() {
    JobId live = desk.create(ANN, Requests.simple().build(), BODY, Optional.empty());
    JobId ended = desk.create(ANN, Requests.simple().build(), BODY, Optional.empty());
    desk.delete(ANN, ended);
    JobId bobs = desk.create(BOB, Requests.simple().build(), BODY, Optional.empty());
    JobFilter onlyLive = filter(JobFilter.State.LIVE);
    JobFilter onlyEnded = filter(JobFilter.State.ENDED);

    assertThat(ids(ANN, JobFilter.ALL)).containsExactly(ended, live);
    assertThat(ids(ANN, onlyLive)).containsExactly(live);
    assertThat(ids(ANN, onlyEnded)).containsExactly(ended);
    assertThat(ids(ROOT, onlyLive)).containsExactly(bobs, live);
    assertThat(ids(ROOT, onlyEnded)).containsExactly(ended);
    assertThat(ids(ROOT, onlyLive.ofUser("bob"))).containsExactly(bobs);
    assertThat(ids(ROOT, JobFilter.ALL.ofUser("ann"))).containsExactly(ended, live);
    for (JobId id : List.of(live, ended)) {
      for (Optional<JobFilter.State> state :
          List.of(Optional.<JobFilter.State>empty(), stateOf(id, live))) {
        JobFilter byId =
            new JobFilter(state, Optional.empty(), Optional.of(id.value().substring(0, 20)));
        assertThat(ids(ANN, byId)).containsExactly(id);
        assertThat(ids(ROOT, byId)).containsExactly(id);
        assertThat(ids(BOB, byId)).isEmpty();
      }
    }
  }

  private static Optional<JobFilter.State> stateOf(JobId id, JobId live) {
    return Optional.of(id.equals(live) ? JobFilter.State.LIVE : JobFilter.State.ENDED);
  }

  private static JobFilter filter(JobFilter.State state) {
    return new JobFilter(Optional.of(state), Optional.empty(), Optional.empty());
  }

  /** Returns the ids of a list, which also says how many there are. */
  private List<JobId> ids(Caller caller, JobFilter filter) {
    JobPage page = desk.list(caller, filter, 1, 10);
    assertThat(page.totalElements()).isEqualTo(page.content().size());
    if (!page.content().isEmpty()) {
      JobPage last = desk.list(caller, filter, page.content().size(), 1);
      assertThat(last.content().getFirst().id()).isEqualTo(page.content().getLast().id());
      assertThat(last.totalElements()).isEqualTo(page.totalElements());
    }
    return page.content().stream().map(JobDetail::id).toList();
  }

  @Test
  void aUserWhoNamesAnotherGetsAnEmptyList() {
    desk.create(ANN, Requests.simple().build(), BODY, Optional.empty());
    assertThat(ids(BOB, JobFilter.ALL.ofUser("ann"))).isEmpty();
    assertThat(ids(BOB, filter(JobFilter.State.LIVE).ofUser("ann"))).isEmpty();
    assertThat(ids(ANN, JobFilter.ALL.ofUser("ann"))).hasSize(1);
    assertThat(ids(ROOT, JobFilter.ALL.ofUser("nobody"))).isEmpty();
  }

  @Test
  void aListHasNoLongPartsOfRequests() {
    desk.create(ANN, Requests.simple().environmentOf(1000).build(), BODY, Optional.empty());
    JobRequest listed = desk.list(ANN, JobFilter.ALL, 1, 1).content().getFirst().request();
    assertThat(listed.env()).isEmpty();
    assertThat(listed.labels()).isEmpty();
    assertThat(listed.notes()).isEmpty();
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a test thread", e);
    }
  }

  @Test
  void aJobThatCannotGoOnSaysWhatItWaitsFor() {
    JobId id = desk.create(ANN, Requests.simple().build(), BODY, Optional.empty());
    run.whenQueuedDispatch();
    assertThat(desk.detail(ANN, id).reason()).isEmpty();
    whatIsMissing = _ -> Optional.of("waits for the container engine: no answer");
    assertThat(desk.detail(ANN, id).reason()).contains("waits for the container engine: no answer");
  }

  @Test
  void aKeySentAgainWithAnotherBodyIsAConflict() {
    JobId id = desk.create(ANN, Requests.simple().build(), "{\"a\":1}", Optional.of("k"));
    assertThat(desk.create(ANN, Requests.simple().build(), "{\"a\":1}", Optional.of("k")))
        .isEqualTo(id);
    assertThat(desk.createdBefore(ANN, "k", "{ \"a\": 1 }")).contains(id);
    assertThat(desk.createdBefore(ANN, "k", "{")).isEmpty();
    assertThat(desk.createdBefore(ROOT, "k", "{\"a\":1}")).isEmpty();
    assertRefused(Kind.CONFLICT, id.value(), () -> desk.createdBefore(ANN, "k", "{\"a\":2}"));
    assertRefused(
        Kind.CONFLICT,
        id.value(),
        () -> desk.create(ANN, Requests.simple().build(), "{\"a\":2}", Optional.of("k")));
  }

  @Test
  void deletingIsIdempotentAndSaysWhatHappens() {
    JobId queued = desk.create(ANN, Requests.simple().build(), BODY, Optional.empty());
    assertThat(desk.delete(ANN, queued)).isEqualTo("the job is deleted");
    assertThat(desk.delete(ANN, queued)).isEqualTo("the job is deleted");
    JobId running = run.submit(Requests.simple(), Program.untilSignalled());
    run.settle(running);
    assertThat(desk.delete(ANN, running)).contains("being stopped");
    assertThat(desk.delete(ANN, running)).contains("being stopped");
    run.toTheEnd(running);
    assertThat(desk.delete(ANN, running)).isEqualTo("the job is deleted");
    JobId done = run.submit(Requests.simple(), Program.endsAfter(Duration.ZERO, 0));
    run.toTheEnd(done);
    assertThat(desk.delete(ANN, done)).contains("ended already: success");
    assertThat(desk.status(ANN, done).phase()).isEqualTo(JobStatus.Phase.SUCCESS);
  }

  @Test
  void onlyAJobThatHasEndedAndIsNotNeededIsPurged() {
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
    assertRefused(Kind.CONFLICT, "has not ended", () -> desk.purge(ANN, id));
    run.toTheEnd(id);
    JobId resuming = run.submit(Requests.simple().resumeFrom(id), Program.untilSignalled());
    assertRefused(Kind.CONFLICT, "resumes from them", () -> desk.purge(ANN, id));
    assertRefused(Kind.NOT_FOUND, "no such job", () -> desk.purge(BOB, id));
    desk.delete(ANN, resuming);
    assertThat(desk.purge(ANN, id)).contains("are being removed");
    assertThat(desk.purge(ROOT, id)).contains("are being removed");
    run.ledger.swept(id);
    assertThat(desk.purge(ANN, id)).contains("removed already");
  }

  @Test
  void anUploadCanBeTakenUpAgainOnlyWhereItAloneFailed() {
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
    run.settle(id);
    run.writeModel(id, "ds_model.bin", "weights");
    for (int i = 0; i < 100; i++) {
      run.store.failNext(StorageException.Kind.REFUSED);
    }
    assertRefused(Kind.CONFLICT, "RUNNING", () -> desk.retryUpload(ANN, id));
    run.toTheEnd(id);
    assertThat(desk.status(ANN, id).phase()).isEqualTo(JobStatus.Phase.FAIL);
    run.store.heal();
    desk.retryUpload(ANN, id);
    assertThat(desk.status(ANN, id).phase()).isEqualTo(JobStatus.Phase.WORKING);
    run.until(id, JobState.Succeeded.class);
    assertThat(desk.status(ANN, id).url()).isPresent();
    assertRefused(Kind.CONFLICT, "SUCCEEDED", () -> desk.retryUpload(ANN, id));
  }

  @Test
  void aUserWithTooManyQueuedJobsIsRefusedAnother() {
    desk = newDesk(new UserLimits(3, 64, OptionalInt.empty(), 32));
    JobId placed = run.submit(Requests.simple(), Program.endsAfter(Duration.ofHours(1), 0));
    run.until(placed, JobState.Running.class);
    for (int job = 0; job < 3; job++) {
      desk.create(ANN, Requests.simple().build(), BODY, Optional.empty());
    }
    assertThat(run.ledger.loadOf("ann").queued()).isEqualTo(3);
    assertRefused(
        Kind.TOO_MANY,
        "ann has 3 jobs in the queue, and one user may have 3; wait until some have started, or"
            + " delete some",
        () -> desk.create(ANN, Requests.simple().build(), BODY, Optional.empty()));
    desk.create(BOB, Requests.simple().build(), BODY, Optional.empty());
  }

  @Test
  void onlyAnAdminRaisesAPriority() {
    assertRefused(
        Kind.BAD_REQUEST,
        "priority: must be at most 0 with this token, was 1; users may lower the priority of their"
            + " jobs, and only an admin may raise it",
        () -> desk.create(ANN, Requests.simple().priority(1).build(), BODY, Optional.empty()));
    desk.create(ANN, Requests.simple().priority(-1).build(), BODY, Optional.empty());
    desk.create(
        new Caller("root", true), Requests.simple().priority(1).build(), BODY, Optional.empty());
    assertThat(run.ledger.live()).hasSize(2);
  }

  @Test
  void aJobForMoreGpusThanItsUserMayHaveIsRefused() {
    assertRefused(
        Kind.BAD_REQUEST,
        "gpuNumber: must be at most 8, which is what one user may have at a time on this machine,"
            + " was 9",
        () -> desk.create(ANN, Requests.simple().gpus(9).build(), BODY, Optional.empty()));
  }

  @Test
  void aUserWithTooManyLiveJobsIsRefusedAnother() {
    // Many clients at a time share the ledger's syncs.
    try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int client = 0; client < CLIENTS; client++) {
        clients.execute(
            () -> {
              for (int job = 0; job < JobDesk.LIVE_JOBS_PER_USER_LIMIT / CLIENTS; job++) {
                desk.create(ANN, Requests.simple().build(), BODY, Optional.empty());
              }
            });
      }
    }
    assertThat(run.ledger.loadOf("ann").jobs()).isEqualTo(JobDesk.LIVE_JOBS_PER_USER_LIMIT);
    assertRefused(
        Kind.TOO_MANY,
        "ann has 10000 jobs that have not ended",
        () -> desk.create(ANN, Requests.simple().build(), BODY, Optional.empty()));
    assertThat(run.ledger.loadOf("ann").jobs()).isEqualTo(JobDesk.LIVE_JOBS_PER_USER_LIMIT);
    desk.create(BOB, Requests.simple().build(), BODY, Optional.empty());

    desk.delete(ANN, run.ledger.live().iterator().next().id());
    desk.create(ANN, Requests.simple().build(), BODY, Optional.empty());
  }

  @Test
  void aUserWhoseLiveRequestsAreTooLongIsRefusedAnother() {
    JobId first = desk.create(ANN, large(), BODY, Optional.empty());
    while (run.ledger.loadOf("ann").requestBytes() < JobDesk.LIVE_BYTES_PER_USER_LIMIT) {
      desk.create(ANN, large(), BODY, Optional.empty());
    }
    assertThat(run.ledger.loadOf("ann").jobs()).isEqualTo(32);
    assertRefused(
        Kind.TOO_MANY,
        "33554432 bytes together",
        () -> desk.create(ANN, Requests.simple().build(), BODY, Optional.empty()));
    desk.create(BOB, Requests.simple().build(), BODY, Optional.empty());

    desk.delete(ANN, first);
    desk.create(ANN, Requests.simple().build(), BODY, Optional.empty());
  }

  @Test
  void whereAllUsersLiveRequestsAreTooLongNobodyIsTakenAJobFrom() {
    List<Caller> users =
        IntStream.range(0, 5).mapToObj(user -> new Caller("user" + user, false)).toList();
    JobId first = desk.create(ANN, large(), BODY, Optional.empty());
    for (int job = 1; run.ledger.load().requestBytes() < JobDesk.LIVE_BYTES_LIMIT; job++) {
      desk.create(users.get(job % users.size()), large(), BODY, Optional.empty());
    }
    assertThat(run.ledger.load().jobs()).isEqualTo(128);
    assertRefused(
        Kind.UNAVAILABLE,
        "134217728 bytes together",
        () -> desk.create(BOB, Requests.simple().build(), BODY, Optional.empty()));
    assertThat(run.ledger.load().jobs()).isEqualTo(128);

    desk.delete(ANN, first);
    desk.create(BOB, Requests.simple().build(), BODY, Optional.empty());
  }

  /** Returns a request of a little more than 1 MiB. */
  private static JobRequest large() {
    return Requests.simple().environmentOf(1 << 20).build();
  }

  @Test
  void theUrlIsSignedAnewAtEveryCall() {
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
    run.settle(id);
    run.writeModel(id, "ds_model.bin", "weights");
    run.toTheEnd(id);
    Optional<java.net.URI> first = desk.status(ANN, id).url();
    run.clock.advance(Duration.ofDays(6));
    assertThat(desk.status(ANN, id).url()).isPresent().isNotEqualTo(first);
  }
}
