package io.gpurunner.agent;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Checks what ARCHITECTURE.md says about packages, threads and time. */
@AnalyzeClasses(packages = "io.gpurunner", importOptions = ImportOption.DoNotIncludeTests.class)
final class HouseRulesTest {
  @ArchTest
  static final ArchRule NOTHING_INTERRUPTS_A_THREAD =
      noClasses()
          .that()
          // Its cancel(false) removes a timer and interrupts no thread.
          .doNotHaveSimpleName("EngineCall")
          .should()
          .callMethod(Thread.class, "interrupt")
          .orShould()
          .callMethod(ExecutorService.class, "shutdownNow")
          .orShould()
          .callMethod(Future.class, "cancel", boolean.class)
          .because("an interrupt inside H2 closes the index for everyone");

  @ArchTest
  static final ArchRule FILES_ARE_TOUCHED_BY_PLATFORM_THREADS =
      noClasses()
          .that()
          .doNotHaveFullyQualifiedName("io.gpurunner.agent.run.JobRunner$Loop")
          .and()
          .doNotHaveSimpleName("CallbackOutbox") // sends, and does no file work
          .and()
          .doNotHaveSimpleName("RequestWork")
          .and()
          .doNotHaveSimpleName("TrainingRun") // is a client of the agent
          .and()
          .doNotHaveSimpleName("FaultProxy") // is in the tests' jar
          .should()
          .callMethod(Thread.class, "ofVirtual")
          .orShould()
          .callMethod(Thread.class, "startVirtualThread", Runnable.class)
          .orShould()
          .callMethod(Executors.class, "newVirtualThreadPerTaskExecutor")
          .because("a file call holds the carrier of a virtual thread: see FileWork");

  @ArchTest
  static final ArchRule MODULES_KNOW_ONLY_WHAT_THEY_MAY =
      noClasses()
          .that()
          .resideInAnyPackage("io.gpurunner.api..", "io.gpurunner.gpu..", "io.gpurunner.storage..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("io.gpurunner.agent..");

  @ArchTest
  static final ArchRule API_GPU_AND_STORAGE_DO_NOT_KNOW_ONE_ANOTHER =
      slices().matching("io.gpurunner.(api|gpu|storage)..").should().notDependOnEachOther();

  @ArchTest
  static final ArchRule PACKAGES_OF_THE_AGENT_FORM_NO_CYCLE =
      slices().matching("io.gpurunner.agent.(*)..").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule JOB_IS_VALUES_ONLY =
      classes()
          .that()
          .resideInAPackage("io.gpurunner.agent.job..")
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage(
              "java..",
              "org.jspecify..",
              "com.fasterxml.jackson.annotation..",
              "io.gpurunner.agent.job..",
              "io.gpurunner.api..",
              "io.gpurunner.gpu..",
              "io.gpurunner.storage..");

  @ArchTest
  static final ArchRule DOCKER_IS_KNOWN_TO_ITS_ADAPTER_ONLY =
      noClasses()
          .that()
          .resideOutsideOfPackage("io.gpurunner.agent.container.docker..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("com.github.dockerjava..");

  @ArchTest
  static final ArchRule THE_DATABASE_IS_KNOWN_TO_THE_LEDGER_ONLY =
      noClasses()
          .that()
          .resideOutsideOfPackage("io.gpurunner.agent.ledger..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.h2..", "java.sql..");

  @ArchTest
  static final ArchRule NATIVE_CODE_IS_KNOWN_TO_ITS_ADAPTERS_ONLY =
      noClasses()
          .that()
          .resideOutsideOfPackages("io.gpurunner.gpu..", "io.gpurunner.agent.os..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("com.sun.jna..");

  @ArchTest
  static final ArchRule S3_IS_KNOWN_TO_STORAGE_ONLY =
      noClasses()
          .that()
          .resideOutsideOfPackage("io.gpurunner.storage..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("software.amazon..");

  @ArchTest
  static final ArchRule PROMETHEUS_IS_KNOWN_TO_THE_METRICS_ONLY =
      noClasses()
          .that()
          .resideOutsideOfPackage("io.gpurunner.agent.metrics..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("io.prometheus..");

  @ArchTest
  static final ArchRule METRICS_ARE_READ_FROM_MEMORY =
      noClasses()
          .that()
          .resideInAPackage("io.gpurunner.agent.metrics..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "io.gpurunner.agent.container..",
              "io.gpurunner.agent.ledger.disk..",
              "java.nio.file..")
          .orShould()
          .dependOnClassesThat()
          .haveSimpleNameStartingWith("Nvml")
          .orShould()
          .dependOnClassesThat()
          .haveNameMatching(".*\\.(JobVolumes|ArtifactStore|EngineProbe)")
          .because("a scrape waits for nothing");

  @ArchTest
  static final ArchRule THE_LIFE_OF_A_JOB_TAKES_TIME_FROM_ITS_CLOCK =
      noClasses()
          .that()
          .resideInAnyPackage(
              "io.gpurunner.agent.job..",
              "io.gpurunner.agent.ledger..",
              "io.gpurunner.agent.metrics..",
              "io.gpurunner.agent.run..")
          .should()
          .callMethod(Instant.class, "now")
          .orShould()
          .callMethod(LocalDateTime.class, "now")
          .orShould()
          .callMethod(Clock.class, "systemUTC")
          .orShould()
          .callMethod(System.class, "currentTimeMillis")
          .orShould()
          .callMethod(Thread.class, "sleep", long.class)
          .orShould()
          .callMethod(Thread.class, "sleep", Duration.class);
}
