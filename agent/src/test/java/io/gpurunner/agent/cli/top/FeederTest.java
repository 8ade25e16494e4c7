package io.gpurunner.agent.cli.top;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.cli.CommandRun;
import io.gpurunner.agent.cli.FakeAgent;
import io.gpurunner.agent.cli.client.AgentOption;
import io.gpurunner.agent.cli.client.Surroundings;
import java.io.IOException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class FeederTest {
  private static final String JOB = "ai11111111-1111";
  private static final String LOGS = "GET /api/userJob/" + JOB + "/logs";

  private final FakeAgent agent;
  private final List<Event> heard = new ArrayList<>();
  private final Feeder feeder;

  FeederTest() throws IOException {
    agent = new FakeAgent();
    Surroundings around = CommandRun.at(agent).surroundings();
    feeder = new Feeder(new AgentOption().connect(around), around.clock(), heard::add);
  }

  @AfterEach
  void close() {
    agent.close();
  }

  private void answer() {
    agent.answers("GET /api/gpus", Pictures.GPUS).answers("GET /api/userJob", Pictures.JOBS);
  }

  @Test
  void asksForGpusAndLiveJobs() {
    answer();
    feeder.look();

    assertThat(heard).hasSize(1);
    assertThat(((Event.Came) heard.getFirst()).picture().gpus()).hasSize(3);
    assertThat(((Event.Came) heard.getFirst()).picture().jobs()).hasSize(3);
    assertThat(agent.lines())
        .containsExactly("GET /api/gpus", "GET /api/userJob?current=1&size=200&state=live");
  }

  @Test
  void saysWhyTheAgentDoesNotAnswer() {
    agent.answers("GET /api/gpus", 503, "{\"message\":\"draining\"}");
    feeder.look();
    agent.close();
    feeder.look();

    assertThat(heard).first().isEqualTo(new Event.Failed("the agent answered 503: draining"));
    assertThat(((Event.Failed) heard.getLast()).why()).contains("no agent answers", agent.url());
  }

  /** The user sees each refusal in the frame, and is not kept waiting for the next look. */
  @Test
  void aBusyAgentIsNotWaitedForAndNothingIsPrintedIntoTheFrame() {
    agent.isBusy("GET /api/gpus", "3");
    CommandRun command = CommandRun.at(agent);
    Surroundings around = command.surroundings();
    new Feeder(new AgentOption().connect(around).withoutPatience(), around.clock(), heard::add)
        .look();

    assertThat(heard)
        .containsExactly(
            new Event.Failed("the agent answered 429: another list is being put together"));
    assertThat(command.pauses()).isEmpty();
    assertThat(command.err()).isEmpty();
  }

  private static String line(int seq, String text) {
    return piece(seq, text, "");
  }

  private static String piece(int seq, String text, String more) {
    return "id: 1:%d\nevent: log\ndata: {\"text\":\"%s\"%s}\n\n".formatted(seq, text, more);
  }

  private static String note(String text) {
    return "event: note\ndata: {\"text\":\"" + text + "\"}\n\n";
  }

  @Test
  void readsTheEndOfAnOutputAndThenOnlyWhatIsNew() {
    answer();
    agent
        .streams(LOGS, line(7, "one") + piece(8, " 10 %\\r 20 %\\r", ",\"partial\":true"))
        .streams(LOGS, line(9, " 30 %\\r") + line(10, "") + line(11, "last"));
    feeder.carryOut(new Action.ReadLog(JOB));
    feeder.look();
    assertThat(heard.getLast()).isEqualTo(new Event.LogCame(JOB, List.of("one", " 20 %")));
    feeder.look();

    assertThat(heard.getLast())
        .isEqualTo(new Event.LogCame(JOB, List.of("one", " 30 %", "", "last")));
    List<FakeAgent.Request> asked =
        agent.requests().stream().filter(request -> request.line().startsWith(LOGS)).toList();
    assertThat(asked)
        .extracting(FakeAgent.Request::line)
        .containsExactly(LOGS + "?follow=0&tail=200", LOGS + "?follow=0");
    assertThat(asked)
        .extracting(request -> request.header("Last-event-id"))
        .containsExactly("", "1:8");

    heard.clear();
    feeder.carryOut(new Action.StopReading());
    feeder.look();
    assertThat(heard).hasSize(1);
  }

  @Test
  void whereAJobStandsIsShownOnce() {
    answer();
    agent
        .streams(LOGS, note("run 1 is over") + note("queued, place 2"))
        .streams(LOGS, note("run 1 is over") + note("queued, place 2"))
        .streams(LOGS, note("run 1 is over") + note("queued, place 1"));
    feeder.carryOut(new Action.ReadLog(JOB));
    feeder.look();
    feeder.look();
    feeder.look();

    assertThat(heard.getLast())
        .isEqualTo(
            new Event.LogCame(
                JOB,
                List.of(
                    "[gpurunner: run 1 is over]",
                    "[gpurunner: queued, place 2]",
                    "[gpurunner: queued, place 1]")));
  }

  @Test
  void anOutputThatIsRefusedLeavesThePictureAsItIs() {
    answer();
    agent.answers(LOGS, 400, "{\"message\":\"no such run\"}");
    feeder.carryOut(new Action.ReadLog(JOB));
    feeder.look();

    assertThat(heard).first().isInstanceOf(Event.Came.class);
    assertThat(heard)
        .last()
        .isEqualTo(new Event.LogFailed(JOB, "the agent answered 400: no such run"));
    assertThat(heard).hasSize(2);
  }

  @Test
  void cancelsAJobAndSaysWhatCameOfIt() {
    agent
        .answers("POST /api/userJob/job_del", "{\"message\":\"the job is deleted\"}")
        .answers("POST /api/userJob/job_del", 404, "{\"message\":\"there is no such job\"}")
        .answers("POST /api/userJob/job_del", 504, "")
        .breaks("POST /api/userJob/job_del");
    for (int time = 0; time < 4; time++) {
      feeder.carryOut(new Action.Cancel(JOB));
    }

    String notKnown = "it is not known whether " + JOB + " is cancelled: ";
    assertThat(heard)
        .extracting(event -> ((Event.Said) event).text())
        .satisfiesExactly(
            text -> assertThat(text).isEqualTo(JOB + ": the job is deleted"),
            text ->
                assertThat(text)
                    .startsWith(JOB + " was not cancelled: the agent answered 404: there is no"),
            text -> assertThat(text).startsWith(notKnown + "the agent answered 504"),
            text -> assertThat(text).startsWith(notKnown + "the connection to"));
  }

  @Test
  void ordersThatNobodyCarriesOutAreLimited() {
    for (int order = 0; order < Feeder.MOST_ORDERS; order++) {
      assertThat(feeder.order(new Action.StopReading())).isTrue();
    }

    assertThat(feeder.order(new Action.StopReading())).isFalse();
    assertThat(heard).isEmpty();
  }

  @Test
  void anErrorOfThisCommandMakesThePictureOld() {
    answer();
    Feeder broken =
        new Feeder(
            new AgentOption().connect(CommandRun.at(agent).surroundings()),
            Clock.systemUTC(),
            event -> {
              if (event instanceof Event.Came) {
                throw new OutOfMemoryError("as the test wants it");
              }
              heard.add(event);
            });
    broken.look();

    assertThat(heard)
        .containsExactly(
            new Event.Failed(
                "an error in this command: java.lang.OutOfMemoryError: as the test wants it"));
  }
}
