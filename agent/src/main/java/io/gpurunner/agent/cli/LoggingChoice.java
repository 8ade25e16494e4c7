package io.gpurunner.agent.cli;

import org.slf4j.LoggerFactory;

/**
 * Makes SLF4J take {@link ConsoleLogging}. It is a class of its own, so that a command that logs
 * nothing does not load Logback.
 */
public final class LoggingChoice {
  /** {@link ConsoleLogging}. Its class would be loaded if it were named as one. */
  private static final String PROVIDER = LoggingChoice.class.getPackageName() + ".ConsoleLogging";

  private LoggingChoice() {}

  /** Is called before the first logger is made. */
  public static void use() {
    System.setProperty(LoggerFactory.PROVIDER_PROPERTY_KEY, PROVIDER);
    System.setProperty("slf4j.internal.verbosity", "WARN"); // or it says so
  }
}
