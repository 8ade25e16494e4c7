package io.gpurunner.agent.cli.job;

import io.gpurunner.agent.cli.client.AgentOption;
import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.client.OutputOption;
import io.gpurunner.agent.cli.client.Surroundings;
import io.gpurunner.agent.cli.terminal.Ages;
import io.gpurunner.agent.cli.terminal.Plain;
import io.gpurunner.agent.cli.terminal.TextTable;
import io.gpurunner.agent.cli.terminal.TextTable.Cell;
import io.gpurunner.api.ApiLimits;
import java.io.PrintWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code gpurunner ls}. */
@Command(
    name = "ls",
    description = {
      "List jobs, the newest first: those that have not ended.",
      "If all have ended, the newest of those."
    },
    mixinStandardHelpOptions = true)
final class LsCommand implements Callable<Integer> {
  private static final int USUAL_LIMIT = 20;

  @Mixin private AgentOption agentOption;
  @Mixin private OutputOption output;
  @Spec private CommandSpec spec;

  @Option(
      names = {"-a", "--all"},
      description = "Jobs that have ended, too.")
  private boolean all;

  @Option(names = "--user", paramLabel = "USER", description = "Only this user's jobs.")
  private Optional<String> user = Optional.empty();

  @Option(
      names = {"-q", "--quiet"},
      description = "Only the ids, and without -a only those of jobs that have not ended.")
  private boolean quiet;

  @Option(
      names = "--limit",
      paramLabel = "N",
      description = "List at most N jobs; " + USUAL_LIMIT + " if not given.")
  private int limit = USUAL_LIMIT;

  private final Surroundings around;

  LsCommand(Surroundings around) {
    this.around = around;
  }

  @Override
  public Integer call() {
    if (limit < 1 || limit > ApiLimits.MAX_PAGE_SIZE) {
      throw new ParameterException(
          spec.commandLine(),
          "--limit: was " + limit + "; accepted: 1 to " + ApiLimits.MAX_PAGE_SIZE);
    }
    ApiClient agent = agentOption.connect(around);
    ApiClient.Answer answer = agent.get(path(all ? "" : "&state=live"));
    // A script that ends what is listed must not get jobs that have ended.
    if (!all && !quiet && jobs(answer).isEmpty()) {
      answer = agent.get(path("&state=ended"));
    }
    print(answer);
    return ExitStatus.DONE;
  }

  private String path(String state) {
    String ofUser = user.map(name -> "&user=" + ApiClient.encoded(name)).orElse("");
    return "/api/userJob?current=1&size=" + limit + state + ofUser;
  }

  private static List<JobView> jobs(ApiClient.Answer answer) {
    return Json.items(answer.json(), "content").stream().map(JobView::new).toList();
  }

  private void print(ApiClient.Answer answer) {
    PrintWriter out = around.console().out();
    if (output.json()) {
      out.println(answer.printable());
      return;
    }
    List<JobView> jobs = jobs(answer);
    if (quiet) {
      jobs.forEach(job -> out.println(Plain.line(job.id())));
    } else if (jobs.isEmpty()) {
      around.console().say("There are no jobs.");
    } else {
      output.print(table(jobs), around);
    }
    long total = Json.number(answer.json(), "totalElements").orElse(0);
    if (total > jobs.size()) {
      around
          .console()
          .say(jobs.size() + " of " + total + " jobs are listed; see more with --limit N");
    }
  }

  /** On a terminal, what fills the width without telling the jobs apart is left out. */
  private TextTable table(List<JobView> jobs) {
    boolean full = !around.console().outIsTerminal();
    boolean users = full || jobs.stream().map(JobView::user).distinct().count() > 1;
    Instant now = around.clock().instant();
    TextTable table =
        new TextTable(
            users
                ? List.of("JOB", "NAME", "USER", "STATE", "GPUS", "SINCE", "NOTE")
                : List.of("JOB", "NAME", "STATE", "GPUS", "SINCE", "NOTE"));
    for (JobView job : jobs) {
      List<Cell> cells = new ArrayList<>();
      cells.add(Cell.of(full ? job.id() : job.shortId()));
      cells.add(Cell.of(job.name().orElse("-")));
      if (users) {
        cells.add(Cell.of(job.user().orElse("-")));
      }
      cells.add(new Cell(job.stateWord(), job.colour()));
      cells.add(Cell.of(full ? job.gpus() : job.shortGpus()));
      cells.add(
          Cell.of(job.since().map(time -> Ages.ago(Duration.between(time, now))).orElse("-")));
      cells.add(Cell.of(job.note(now)));
      table.add(cells);
    }
    return table;
  }
}
