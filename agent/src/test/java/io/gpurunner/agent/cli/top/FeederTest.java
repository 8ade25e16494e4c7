package io.gpurunner.agent.cli.top;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.cli.CommandRun;
import io.gpurunner.agent.cli.FakeAgent;
import io.gpurunner.agent.cli.client.AgentOption;
import io.gpurunner.agent.cli.client.Surroundings;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class FeederTest {
  private static final String JOB = "ai11111111-1111";

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
        .containsExactly("GET /api/gpus", "GET /api/userJob?current=1&size=1000&state=live");
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

  @Test
  void readsTheEndOfAnOutputUntilItIsLeft() {
    answer();
    agent.answers(
        "GET /api/userJob/" + JOB + "/logs?follow=0&tail=500", "one\n 10 %\r 20 %\r\n\nlast");
    feeder.carryOut(new Action.ReadLog(JOB));
    feeder.look();

    assertThat(heard.getLast())
        .isEqualTo(new Event.LogCame(JOB, List.of("one", " 20 %", "", "last")));
    heard.clear();
    feeder.carryOut(new Action.StopReading());
    feeder.look();
    assertThat(heard).hasSize(1);
  }

  @Test
  void cancelsAJobAndSaysWhatCameOfIt() {
    agent.answers("POST /api/userJob/job_del", "{\"message\":\"the job is deleted\"}");
    feeder.carryOut(new Action.Cancel(JOB));
    agent.close();
    feeder.carryOut(new Action.Cancel(JOB));

    assertThat(heard).first().isEqualTo(new Event.Said(JOB + ": the job is deleted"));
    assertThat(((Event.Said) heard.getLast()).text())
        .startsWith(JOB + " was not cancelled: no agent answers");
  }

  @Test
  void ordersThatNobodyCarriesOutAreLimited() {
    for (int order = 0; order <= Feeder.MOST_ORDERS; order++) {
      feeder.order(new Action.StopReading());
    }

    assertThat(heard)
        .containsExactly(
            new Event.Said("the agent is still busy with your last orders; try again"));
  }
}
