package io.gpurunner.agent.container;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.ContainerProcess.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class StopTargetsTest {
  private static final long TERM = 1L << 14;
  private static final long QUIT = 1L << 2;

  private final List<ContainerProcess> all = new ArrayList<>();

  private long add(long parent, String name, Role role, long caught, long ignored) {
    long pid = 1_000L + all.size();
    all.add(
        new ContainerProcess(
            new ProcessKey(pid, 1), parent, all.size() + 1L, name, role, caught, ignored));
    return pid;
  }

  private long init() {
    return add(1, "docker-init", Role.PROGRAM, 0, 0);
  }

  private long plain(long parent, String name) {
    return add(parent, name, Role.PROGRAM, 0, 0);
  }

  private long shell(long parent) {
    return add(parent, "sh", Role.SHELL, 0, 0);
  }

  private long shellWithTrap(long parent) {
    return add(parent, "bash", Role.SHELL, TERM, 0);
  }

  private long trainer(long parent, String name) {
    return add(parent, name, Role.PROGRAM, TERM, 0);
  }

  private long inBackground(long parent, String name) {
    return add(parent, name, Role.PROGRAM, TERM, QUIT);
  }

  private StopTargets.Choice choose(Set<ProcessKey> before) {
    return StopTargets.of(all, StopSignal.TERM, before);
  }

  private List<String> targets() {
    return names(choose(Set.of()));
  }

  private static List<String> names(StopTargets.Choice choice) {
    return choice.targets().stream().map(ContainerProcess::name).toList();
  }

  @Test
  void aTrainerBehindShellsGetsItAndTheyAreSpared() {
    trainer(shell(shell(init())), "trainer");
    assertThat(targets()).containsExactly("trainer");
  }

  @Test
  void aPipesReaderIsSpared() {
    long shell = shell(init());
    trainer(shell, "trainer");
    plain(shell, "tee");
    assertThat(targets()).containsExactly("trainer");
  }

  @Test
  void whatATrainerStartedIsItsOwnToEnd() {
    long trainer = trainer(init(), "trainer");
    trainer(trainer, "loader");
    trainer(plain(trainer, "helper"), "below helper");
    assertThat(targets()).containsExactly("trainer");
  }

  @Test
  void orphansOfAReachedProgramAreNotAsked() {
    long init = init();
    long trainer = trainer(init, "trainer");
    trainer(trainer, "loader");
    StopTargets.Choice first = choose(Set.of());
    ContainerProcess loader = all.removeLast();
    all.removeLast();
    all.add(
        new ContainerProcess(
            loader.key(), init, loader.ownPid(), loader.name(), Role.PROGRAM, TERM, 0));
    assertThat(names(choose(first.reached()))).isEmpty();
  }

  @Test
  void aProgramThatAppearsLaterGetsItAndNobodyTwice() {
    long shell = shell(init());
    trainer(shell, "first");
    StopTargets.Choice first = choose(Set.of());
    trainer(shell, "second");
    assertThat(names(choose(first.reached()))).containsExactly("second");
  }

  @Test
  void aShellWithATrapEndsItsBackgroundProgramsItself() {
    inBackground(shellWithTrap(init()), "trainer");
    assertThat(targets()).containsExactly("bash");
  }

  @Test
  void theProgramThatAShellWithATrapWaitsForGetsItToo() {
    long shell = shellWithTrap(init());
    trainer(shell, "trainer");
    plain(shell, "tee");
    assertThat(targets()).containsExactly("bash", "trainer");
  }

  @Test
  void aForegroundProgramThatCatchesNothingMustNotKeepATrapFromRunning() {
    plain(plain(shellWithTrap(init()), "sleep"), "below sleep");
    assertThat(targets()).containsExactly("bash", "sleep", "below sleep");
  }

  @Test
  void whatATrapStartsIsNotAsked() {
    long shell = shellWithTrap(init());
    StopTargets.Choice first = choose(Set.of());
    trainer(shell, "rclone");
    assertThat(names(choose(first.reached()))).isEmpty();
  }

  @Test
  void theRanksGetItAndNotTheirLauncher() {
    long launcher = add(shell(init()), "orterun", Role.HASTY_LAUNCHER, TERM, 0);
    trainer(launcher, "rank 0");
    plain(launcher, "rank 1");
    StopTargets.Choice choice = choose(Set.of());
    assertThat(names(choice)).containsExactly("rank 0");
    assertThat(names(choose(choice.reached()))).isEmpty();
  }

  @Test
  void aLauncherWhoseRanksCatchNothingGetsIt() {
    plain(add(init(), "orterun", Role.HASTY_LAUNCHER, TERM, 0), "rank");
    assertThat(targets()).containsExactly("orterun");
  }

  @Test
  void severalProgramsSideBySideAllGetIt() {
    long shell = shell(init());
    trainer(shell, "one");
    trainer(shell, "two");
    assertThat(targets()).containsExactly("one", "two");
  }

  @Test
  void nobodyCatchesIt() {
    plain(shell(init()), "sleep");
    assertThat(targets()).isEmpty();
    assertThat(StopTargets.ignoring(all, StopSignal.TERM)).isEmpty();
  }

  @Test
  void aProgramThatIgnoresItIsFound() {
    add(shell(init()), "deaf", Role.PROGRAM, 0, TERM);
    assertThat(targets()).isEmpty();
    assertThat(StopTargets.ignoring(all, StopSignal.TERM))
        .hasValueSatisfying(deaf -> assertThat(deaf.words()).isEqualTo("deaf (process 3)"));
  }

  @Test
  void anotherSignalIsCaughtByOthers() {
    trainer(init(), "catches only SIGTERM");
    assertThat(StopTargets.of(all, new StopSignal(2), Set.of()).targets()).isEmpty();
  }

  @Test
  void aFirstProcessThatCatchesItGetsIt() {
    trainer(1, "own init");
    assertThat(targets()).containsExactly("own init");
  }

  @Test
  void noProcessIsNoTarget() {
    assertThat(targets()).isEmpty();
  }
}
