package io.gpurunner.agent;

import static java.util.Map.entry;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import io.gpurunner.agent.config.AgentConfig;
import io.gpurunner.agent.run.UserLimits;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Checks that the table of docs/limits.md has the values of the constants and of the configuration,
 * and that each limit has a test that goes beyond it.
 */
final class LimitsTest {
  private static final Pattern NAMED =
      Pattern.compile("\\| .*`([A-Z][A-Za-z0-9]+)\\.([A-Z_0-9]+)` \\| ([^|]+) \\| [^|]+ \\|");
  private static final Pattern CONFIGURED =
      Pattern.compile("\\| .*`([a-z]+\\.[a-z-]+)` \\| ([^|]+) \\| [^|]+ \\|");
  private static final Pattern VALUE = Pattern.compile("([0-9,]+)(?: (s|d|KiB|MiB))?");

  private static final JavaClasses CLASSES =
      new ClassFileImporter(List.of(new ImportOption.DoNotIncludeTests()))
          .importPackages("io.gpurunner");

  private static final String SNAPSHOTS =
      "LedgerDiskTest.aSnapshotComesAfterTwoSegmentsAndAfterMoreWhereItIsLong";

  private static final String LOGS =
      "LogsCommandTest.pausesGrowToALimitAndAnAgentThatIsAwayForTooLongEndsTheCommand";

  private static final String A_USERS_REQUESTS =
      "RequestWorkTest.requestsOfAUserWaitForHisOwnAndAnotherIsAnsweredMeanwhile";

  private static final String BAR =
      "JobOutputTest.ofAProgressBarOnlyItsLastStateIsKeptAndALookReadsALimitedPart";

  /** The test, in any module, that fails if the limit is not kept. */
  private static final Map<String, String> KEPT_BY =
      Map.ofEntries(
          entry("ApiLimits.MAX_BODY_BYTES", "ApiServerTest.takesABodyOfExactlyTheLimitAndNoMore"),
          entry(
              "ApiLimits.MAX_BUFFERED_BODY_BYTES",
              "BodyReaderTest.soManyBytesAreHeldAndWhatComesThenIsRefusedUntilSomeAreReleased"),
          entry(
              "ApiLimits.MAX_BUFFERED_BODY_BYTES_OF_A_USER",
              "BodyReaderTest.aUserHoldsSoManyBytesAndOthersSendTheirs"),
          entry(
              "ApiLimits.MAX_CONNECTIONS",
              "SilentConnectionsTest.thousandsOfSilentConnectionsFromManyAddressesKeepNobodyOut"),
          entry(
              "ConnectionLimits.STRANGERS_PART",
              "SilentConnectionsTest.healthIsAnsweredHoweverManyConnectionsUsersHave"),
          entry(
              "ConnectionLimits.USER_PART",
              "SilentConnectionsTest.aUserWithConnectionsWithoutEndKeepsNoOtherOut"),
          entry(
              "ConnectionLimits.ADDRESS_PART",
              "SilentConnectionsTest.oneAddressHasOnlyAPartOfTheConnectionsAndItsOldestSilentOneGoes"),
          entry(
              "ApiLimits.FIRST_REQUEST_LIMIT",
              "SilentConnectionsTest.theFirstHeadIsWaitedForLessThanTheNext"),
          entry("ApiLimits.MAX_REQUESTS_OF_A_USER", A_USERS_REQUESTS),
          entry("ApiLimits.MAX_WAITING_REQUESTS_OF_A_USER", A_USERS_REQUESTS),
          entry(
              "JobDesk.LIVE_JOBS_PER_USER_LIMIT",
              "JobDeskTest.aUserWithTooManyLiveJobsIsRefusedAnother"),
          entry(
              "JobDesk.LIVE_BYTES_PER_USER_LIMIT",
              "JobDeskTest.aUserWhoseLiveRequestsAreTooLongIsRefusedAnother"),
          entry(
              "JobDesk.LIVE_BYTES_LIMIT",
              "JobDeskTest.whereAllUsersLiveRequestsAreTooLongNobodyIsTakenAJobFrom"),
          entry(
              "CommitThread.WAITING_LIMIT",
              "CommitThreadTest.whoeverComesWhileTooManyWaitIsToldThatTheLedgerIsBusy"),
          entry(
              "CommitThread.GROUP_LIMIT_TIME",
              "CommitThreadTest.aCommitThatTheDiskTakesTooLongForIsToldThatItIsNotKnownAndMayStillCome"),
          entry(
              "CommitThread.LINGER_NANOS",
              "CommitGroupsTest.soManyShareASyncAndOneThatComesAloneAfterwardsWaitsForNoOthers"),
          entry(
              "Placement.CPU_PLACES", "PlacementTest.jobsWithoutGpusLeaveEveryPlaceToJobsWithGpus"),
          entry("limits.queued-jobs", "JobDeskTest.aUserWithTooManyQueuedJobsIsRefusedAnother"),
          entry("limits.placed-jobs", "UserFairnessTest.aUserHasSoManyPlacedJobs"),
          entry("limits.jobs-without-gpus", "PlacementTest.aUsersBurstLeavesPlacesToOthers"),
          entry("UserTurns.REMEMBERED_LIMIT", "UserFairnessTest.onlySoManyTurnsAreRemembered"),
          entry("JobSteps.PULLS_OF_A_USER_LIMIT", "FilesThatAreLateTest.onePullTooManyWaits"),
          entry(
              "JobDesk.ROWS_LISTED_AT_A_TIME",
              "JobDeskTest.aSecondListOfAUserAndOneTooManyAreRefusedAtOnce"),
          entry(
              "RunSettings.RELEASE_LIMIT",
              "JobStepsTest.aDeviceThatStaysInUseIsGivenUpAfterAWhileAndNotHandedOut"),
          entry(
              "RunSettings.LOOK_AFTER_EXIT",
              "JobStepsTest.theEndOfAFailedRunWaitsAMomentForALookAtItsGpus"),
          entry(
              "RunSettings.OUTPUT_LIMIT",
              "JobStepsTest.outputThatCannotBeKeptHoldsTheGpusForAWhileOnly"),
          entry("ExitReasons.TAIL_CHARACTERS", "ExitReasonsTest.onlyTheEndOfALongLineIsKept"),
          entry(
              "CommandFailure.QUOTED_CHARACTERS",
              "CommandFailureTest.aLongLineIsCutAndControlCharactersAreReplaced"),
          entry(
              "Setback.UNEXPLAINED_LIMIT",
              "StartFailuresTest.aFailureThatNothingExplainsIsRetriedThreeTimesAndThenTheJobs"),
          entry(
              "NvmlGpuInventory.DEVICE_LIMIT",
              "NvmlGpuInventoryTest.aHangOfOneDeviceMakesOnlyThatOneUnfit"),
          entry(
              "GpuMeter.SAVE_INTERVAL",
              "GpuMeterTest.whatWasMeasuredOutlivesTheAgentAndTheTimeBetweenIsUnobserved"),
          entry("GpuDetails.MOST_XIDS", "NvmlGpuInventoryTest.manyErrorsOfADeviceAreFewInMemory"),
          entry("GpuHealth.MOST_HOLDS", "GpuHealthTest.manyHoldsOfOneCauseAreOne"),
          entry("Intruders.MOST_NOTED", "JobStepsTest.manyIntrudersAreAFewLinesOfHistory"),
          entry("RunLogLimits.HEAD_BYTES", "RunLogTest.ofALongLogTheBeginningAndTheEndAreKept"),
          entry("RunLogLimits.TAIL_BYTES", "RunLogTest.ofALongLogTheBeginningAndTheEndAreKept"),
          entry(
              "LogRoute.MOST_STREAMS_OF_A_USER",
              "LogRouteTest.aUserReadsSoManyLogsAtATimeAndAClosedOneCountsNoMore"),
          entry("LogRoute.MOST_STREAMS", "LogRouteTest.soManyLogsAreReadAtATime"),
          entry(
              "ApiLimits.UNREAD_LOG_LIMIT", "LogRouteTest.aClientThatTakesNothingForTooLongIsCut"),
          entry(
              "HostSettings.PIDS_LIMIT",
              "DockerConfinementIT.processesAreLimitedAndDieBeforeTheHosts"),
          entry(
              "FileWork.MEASURING_LIMIT",
              "VolumeWatchTest.soManyVolumesAreMeasuredAtATimeAndNoJobTwice"),
          entry(
              "VolumeWatch.HIDDEN_LIMIT",
              "VolumeWatchTest.aJobThatHidesItsVolumeAFewTimesInARowCountsAsTooLarge"),
          entry("TreeMeasure.WALK_LIMIT", "WatchingTest.saysWhenATreeIsTooLargeToBeMeasuredInTime"),
          entry(
              "ArtifactPublisher.AT_A_TIME",
              "ArtifactPublisherTest.virtualThreadsPublishOnlySoManyAtATimeOnPlatformThreads"),
          entry("FileWork.COPYING_LIMIT", "FileWorkTest.eachKindHasSoManyThreadsAndSoLongAQueue"),
          entry("FileWork.REMOVING_LIMIT", "FileWorkTest.eachKindHasSoManyThreadsAndSoLongAQueue"),
          entry(
              "FileWork.SMALL_WORK_LIMIT", "FileWorkTest.eachKindHasSoManyThreadsAndSoLongAQueue"),
          entry("FileWork.WAITING_LIMIT", "FileWorkTest.eachKindHasSoManyThreadsAndSoLongAQueue"),
          entry("Lookups.LIMIT", "FileWorkIT.aJobWhoseLibraryHangsWaitsAndRunsOnceItIsBack"),
          entry(
              "Lookups.HANGING_LIMIT",
              "LookupsTest.answersAtOnceWhereSoManyHangAndLooksAgainOnceTheyReturn"),
          entry("Library.READ_LIMIT", "LibraryTest.readsOnlySoManyEntriesForAMessage"),
          entry(
              "ApiLimits.MAX_SCRAPES",
              "MetricsRouteTest.soManyScrapesAreWorkedOnAtATimeAndTheNextIsRefusedAtOnce"),
          entry(
              "ApiLimits.MAX_SCRAPE_CONNECTIONS",
              "MetricsRouteTest.anAddressOfItsOwnHasOnlySoManyConnections"),
          entry(
              "ApiLimits.MAX_ARTIFACT_LISTS",
              "ArtifactListsTest.onlySoManyAreInMemoryAtATimeAndOneOfAUser"),
          entry(
              "PublishedFiles.MANIFEST_LIMIT_BYTES",
              "PublishedFilesTest.aLongManifestIsLeftOutWithAWord"),
          entry(
              "ApiLimits.MAX_EVENT_STREAMS",
              "EventsRouteTest.moreStreamsThanTheMachineHasPlacesForAreRefused"),
          entry(
              "ApiLimits.MAX_EVENT_STREAMS_OF_A_USER",
              "EventsRouteTest.streamsOfAUserAndOfAllAreLimited"),
          entry(
              "ApiLimits.MAX_HELD_EVENT_BYTES",
              "EventsRouteTest.aClientThatDoesNotReadIsToldThatItMissesEvents"),
          entry(
              "ApiLimits.MAX_EVENTS_ON_THEIR_WAY",
              "EventsRouteTest.whereTooManyEventsAreOnTheirWayTheStreamsSaySo"),
          entry("ApiLimits.EVENT_HEARTBEAT", "EventStreamsTest.aCommentComesNowAndThen"),
          entry("ApiLimits.MAX_FILE_READS", "ArtifactRouteTest.clientsThatTakeNothingHoldUpNobody"),
          entry(
              "ServiceNotifier.READY_LIMIT", "ServiceNotifierTest.waitsForRoomInAQueueThatIsFull"),
          entry(
              "ServiceNotifier.START_LIMIT",
              "ServiceNotifierTest.aStartThatNeverEndsAsksForMoreTimeNoMore"),
          entry(
              "RunSettings.UPLOAD_PAUSE_LIMIT",
              "UploadPauseTest.thePauseBetweenUploadsDoublesUpToItsLimit"),
          entry(
              "store.retry-for",
              "JobStepsTest.anUploadIsTriedUntilItsWindowIsOverAndCanBeTakenUpAgain"),
          entry(
              "CallbackOutbox.SENDING_LIMIT",
              "CallbackOutboxTest.noMoreAreOnTheirWayThanMayBeAndUsersTakeTurns"),
          entry(
              "CallbackOutbox.RECEIVER_LIMIT",
              "CallbackOutboxTest.noMoreAreOnTheirWayToOneReceiverThanMayBe"),
          entry(
              "CallbackOutbox.USER_LIMIT",
              "CallbackOutboxTest.oneUsersHangingCallbacksHoldUpNoOther"),
          entry(
              "CallbackOutbox.RECEIVER_OF_A_USER_LIMIT",
              "CallbackOutboxTest.allPortsOfAHostAreOneReceiver"),
          entry(
              "SystemHostResolver.LOOKUPS_LIMIT",
              "SystemHostResolverTest.namesThatNeverAnswerHoldUpNoOtherAndTooManyAreRefusedAtOnce"),
          entry(
              "RetrySchedule.LONGEST_DELAY",
              "RetryScheduleTest.fromSecondsToHoursUntilTheTimeIsUsedUp"),
          entry(
              "callbacks.retry-for",
              "CallbackOutboxTest.itIsGivenUpAfterTheConfiguredTimeAndTheHistorySaysSo"),
          entry(
              "Orphans.GRACE",
              "OrphansTest.aContainerOfAJobThatIsNotKnownIsRemovedAfterTheGracePeriod"),
          entry(
              "Shown.LOGGED_CHARACTERS", "ShownTest.aServersTextInTheLogIsOneLineOfLimitedLength"),
          entry("JobDesk.HISTORY_LIMIT", "HistoryLimitsTest.theNewestLinesAreAnswered"),
          entry("Decisions.MESSAGE_LIMIT_CHARS", "HistoryLimitsTest.aLongLineIsCut"),
          entry("FailedRuns.REASON_LIMIT_CHARS", "JobTransitionsTest.theLongReasonOfManyRunsIsCut"),
          entry("JobRecord.LINE_LIMIT", "JobLedgerTest.aJobKeepsSoManyLinesAndSaysThatOthersWent"),
          entry(
              "CommitThread.GROUP_LIMIT",
              "CommitGroupsTest.soManyShareASyncAndOneThatComesAloneAfterwardsWaitsForNoOthers"),
          entry("IndexFeed.WAITING_LIMIT", "IndexFeedTest.recordingWaitsWhileTooManyJobsWaitForIt"),
          entry("EndedStandings.LIMIT", "EndedStandingsTest.theOneAskedForLongestAgoGoesFirst"),
          entry("Journal.SEGMENT_BYTES", "LedgerDiskTest.aSegmentHasItsLengthAndTheNextOneFollows"),
          entry("LedgerDisk.SNAPSHOT_SEGMENTS", SNAPSHOTS),
          entry("LedgerDisk.SNAPSHOT_SEGMENTS_LIMIT", SNAPSHOTS),
          entry(
              "Reserve.ROOM",
              "LedgerReserveIT.endsOfJobsAreRecordedOnAFullDiskAndNoJobIsTakenUntilThereIsRoom"),
          entry("Backups.KEPT", "BackupsTest.oneADayIsMadeAndSevenAreKept"),
          entry("Retention.RECORD_LIMIT", "JobLedgerTest.recordsGoOnceNothingNeedsThem"),
          entry(
              "Retention.RECORD_KEPT_FOR",
              "RetentionTest.filesGoWhenTheirTimeIsOverAndTheRecordLater"),
          entry(
              "jobs.deleted-retention",
              "RetentionTest.filesOfADeletedJobGoSoonUnlessAnotherJobNeedsThem"),
          entry(
              "limits.disk-per-user",
              "KeptDiskTest.aJobWaitsUntilItsUserHasPurgedAnotherAndOtherUsersDoNotWait"),
          entry("JobPaths.IMAGE_VOLUMES_LIMIT", "ImageVolumeMountsTest.tooManyVolumesAreRefused"),
          entry("jobs.retention", "RetentionTest.filesGoWhenTheirTimeIsOverAndTheRecordLater"),
          entry("ApiClient.ANSWER_LIMIT_BYTES", "JobCommandsTest.anAnswerThatIsTooLargeIsRefused"),
          entry(
              "ApiClient.CREATE_TRIES", "SubmitCommandTest.aConnectionThatKeepsBreakingIsGivenUp"),
          entry("Patience.LIMIT", "JobCommandsTest.anAgentThatStaysBusyIsGivenUp"),
          entry("JobWatch.AWAY_LIMIT", "WaitTest.anAgentThatIsAwayForTooLongEndsTheWait"),
          entry("LogFollower.AWAY_LIMIT", LOGS),
          entry("AwayTime.STEP_LIMIT", "AwayTimeTest.theSleepOfTheMachineCountsAsOneTry"),
          entry("LogFollower.LONGEST_PAUSE", LOGS),
          entry(
              "LogPrinter.FINISH_LIMIT",
              "LogPrinterTest.aTerminalThatTakesNothingDoesNotHoldUpTheEnd"),
          entry("EventStream.DATA_LIMIT", "EventStreamTest.anEventThatIsTooLongIsRefused"),
          entry("Feeder.MOST_JOBS", "FeederTest.asksForGpusAndLiveJobs"),
          entry("JobOutput.FIRST_LINES", "FeederTest.readsTheEndOfAnOutputAndThenOnlyWhatIsNew"),
          entry("JobOutput.MOST_LINES", "JobOutputTest.onlyTheNewestLinesAreKept"),
          entry("JobOutput.MOST_LINE_CHARACTERS", BAR),
          entry("JobOutput.LOOK_CHARACTERS", BAR),
          entry(
              "TerminalFilter.SEQUENCE_LIMIT",
              "TerminalFilterTest.aSequenceThatNeverEndsHoldsNothingBack"),
          entry("Contexts.MAX_BYTES", "ConnectionTest.aFileOfContextsThatIsTooLargeIsRefused"),
          entry("JobNames.LISTED", "JobCommandsTest.aBeginningThatSeveralJobsHaveListsThem"),
          entry("KeyFile.MAX_BYTES", "KeyFileTest.aFileLongerThanAKeyIsRefused"),
          entry("VolumeSettings.DEFAULT_RESERVE_BYTES", "JobVolumesContract.keepsTheReserveFree"));

  /** Limits that no test goes beyond, and the reason. */
  private static final Map<String, String> UNTESTED =
      Map.ofEntries(
          entry(
              "JobSteps.PULLS_LIMIT",
              "as many as places without GPUs; no machine has so many users with images to pull"),
          entry(
              "Dispatcher.REST_TIMES",
              "a share of the processor; make bench judges its purpose, creates while many jobs wait"),
          entry(
              "DockerEvents.WAITING_LIMIT",
              "hints that are dropped change nothing: jobs are looked at every 10 s anyway"),
          entry(
              "DockerEvents.LONGEST_PAUSE",
              "it needs a real engine that is down for half a minute; DockerEventsIT has a shorter"
                  + " time"),
          entry(
              "DockerContainers.CREATE_TRIES",
              "no engine here fails creations on demand; EngineErrorsTest tests which errors are waited"
                  + " for"),
          entry(
              "EndedStandings.SHARED_LIMIT",
              "beyond it a value is kept twice, which changes nothing but memory"),
          entry(
              "EventFeed.REPORTED_LIMIT",
              "beyond it an event is sent twice, which changes nothing"),
          entry(
              "TreeMeasure.LINKED_LIMIT",
              "beyond it names are counted twice, which needs more files than a small volume may have"),
          entry(
              "TreeMeasure.DEPTH_LIMIT",
              "to create so deep a tree takes minutes; WatchingTest has one that is deeper than a path"),
          entry("HeldFiles.LOOKED_AT_LIMIT", "no process of a test may open so many files"),
          entry(
              "ServiceNotifier.STOPPING_LIMIT",
              "the same wait as that of READY_LIMIT, and nobody can see its end"));

  record Row(String className, String constant, String value) {}

  private static List<String> table() throws IOException {
    return Files.readAllLines(Path.of("..", "docs", "limits.md")).stream()
        .dropWhile(line -> !line.equals("|---|---|---|"))
        .skip(1)
        .takeWhile(line -> line.startsWith("|"))
        .toList();
  }

  static List<Row> constants() throws IOException {
    return table().stream()
        .map(NAMED::matcher)
        .filter(Matcher::matches)
        .map(row -> new Row(row.group(1), row.group(2), row.group(3)))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("constants")
  void aConstantIsWhatTheTableSays(Row row) throws ReflectiveOperationException {
    JavaClass owner =
        CLASSES.stream()
            .filter(candidate -> candidate.getSimpleName().equals(row.className()))
            .findFirst()
            .orElseThrow(() -> new AssertionError("no class " + row.className()));
    Field field = owner.reflect().getDeclaredField(row.constant());
    field.setAccessible(true);
    assertThat(numberOf(field.get(null))).isEqualTo(numberOf(row.value()));
  }

  private static long numberOf(Object constant) {
    return switch (constant) {
      case Duration duration -> duration.toSeconds();
      case Number number -> number.longValue();
      default -> throw new AssertionError("no number: " + constant);
    };
  }

  private static long numberOf(String words) {
    Matcher value = VALUE.matcher(words);
    assertThat(value.matches()).as(words).isTrue();
    long number = Long.parseLong(value.group(1).replace(",", ""));
    return switch (value.group(2)) {
      case "MiB" -> number << 20;
      case "KiB" -> number << 10;
      case "d" -> Duration.ofDays(number).toSeconds();
      case null, default -> number;
    };
  }

  @Test
  void aSettingsDefaultIsWhatTheTableSays() throws IOException {
    AgentConfig config = AgentConfig.defaults();
    for (String line : table()) {
      Matcher row = CONFIGURED.matcher(line);
      if (row.matches() && row.group(1).equals("limits.disk-per-user")) {
        assertThat(row.group(2)).isEqualTo("none");
        assertThat(config.limits().diskMegabytes()).isEmpty();
      } else if (row.matches()) {
        Object value =
            switch (row.group(1)) {
              case "store.retry-for" -> config.store().retryFor();
              case "callbacks.retry-for" -> config.callbacks().retryFor();
              case "jobs.retention" -> config.jobs().retention();
              case "jobs.deleted-retention" -> config.jobs().deletedRetention();
              case "limits.queued-jobs" -> config.limits().queuedJobs();
              case "limits.placed-jobs" -> config.limits().placedJobs();
              case "limits.jobs-without-gpus" -> config.limits().jobsWithoutGpus();
              default -> throw new AssertionError("no such setting here: " + row.group(1));
            };
        assertThat(numberOf(value)).as(line).isEqualTo(numberOf(row.group(2)));
      }
    }
  }

  @Test
  void theLimitsOfUsersAreThoseOfTheConfiguration() {
    assertThat(new SettingsOf(AgentConfig.defaults()).userLimits()).isEqualTo(UserLimits.DEFAULT);
  }

  private static List<String> names() throws IOException {
    return table().stream()
        .flatMap(line -> Stream.of(NAMED, CONFIGURED).map(form -> form.matcher(line)))
        .filter(Matcher::matches)
        .map(row -> row.pattern() == NAMED ? row.group(1) + "." + row.group(2) : row.group(1))
        .toList();
  }

  @Test
  void everyLimitHasATestThatGoesPastItOrAReasonWhyNot() throws IOException {
    assertThat(names())
        .containsExactlyInAnyOrderElementsOf(
            Stream.of(KEPT_BY, UNTESTED).flatMap(map -> map.keySet().stream()).toList());
  }

  @Test
  void theTestsThatKeepTheLimitsAreThere() throws IOException {
    Map<String, String> sources = testSources();
    KEPT_BY.forEach(
        (limit, test) -> {
          List<String> parts = List.of(test.split("\\.", 2));
          assertThat(sources).as(limit).containsKey(parts.get(0));
          assertThat(sources.get(parts.get(0)))
              .as("%s is tested by %s", limit, test)
              .containsPattern(
                  "@(Test|ParameterizedTest)\\s(\\s*@.*\\n)*\\s*void " + parts.get(1) + "\\(");
        });
  }

  /** Returns the sources of the tests of all modules, by the name of the class. */
  private static Map<String, String> testSources() throws IOException {
    Map<String, String> sources = new HashMap<>();
    for (String module : List.of("api", "gpu", "storage", "agent")) {
      try (Stream<Path> files = Files.walk(Path.of("..", module, "src", "test", "java"))) {
        for (Path file : files.filter(file -> file.toString().endsWith(".java")).toList()) {
          String name = file.getFileName().toString().replace(".java", "");
          sources.put(name, Files.readString(file));
        }
      }
    }
    return sources;
  }

  @Test
  void everyRowNamesAConstantOrASetting() throws IOException {
    assertThat(table())
        .isNotEmpty()
        .allMatch(line -> NAMED.matcher(line).matches() || CONFIGURED.matcher(line).matches());
  }
}
