package io.gpurunner.agent.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.util.LogbackMDCAdapter;
import ch.qos.logback.core.ConsoleAppender;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.slf4j.ILoggerFactory;
import org.slf4j.IMarkerFactory;
import org.slf4j.helpers.BasicMarkerFactory;
import org.slf4j.spi.MDCAdapter;
import org.slf4j.spi.SLF4JServiceProvider;

/**
 * Logging to standard error, one line an event; standard output is for commands' results. Set up
 * here and not by Logback's files, because to find these Logback opens all libraries and an XML
 * parser, which takes a tenth of the time of a start. SLF4J makes the one instance, if {@link
 * LoggingChoice} was called before the first logger was made. Thread-safe.
 */
public final class ConsoleLogging implements SLF4JServiceProvider {
  private static final String API_VERSION = "2.0.99"; // as Logback's own provider asks for

  /** Under systemd, the journal writes the time. */
  private static final String JOURNAL = "JOURNAL_STREAM";

  private static final String TIME = "%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} ";

  /** Messages quote what users sent: a line end or an escape sequence stays inside the line. */
  private static final String LINE =
      "%-5level %logger{0}: %replace(%msg){'[\\x00-\\x08\\x0a-\\x1f\\x7f]', '?'}%n";

  /**
   * docker-java logs whole requests at DEBUG, with the job's environment in them, and a stack trace
   * for every stream that is closed.
   */
  private static final List<String> ONLY_WARNINGS =
      List.of("com.github.dockerjava", "software.amazon.awssdk");

  private final LoggerContext context = new LoggerContext();
  private final IMarkerFactory markers = new BasicMarkerFactory();
  private final LogbackMDCAdapter mdc = new LogbackMDCAdapter();

  @Override
  public void initialize() {
    context.setName("default");
    context.setMDCAdapter(mdc);
    PatternLayoutEncoder encoder = new PatternLayoutEncoder();
    encoder.setContext(context);
    encoder.setCharset(StandardCharsets.UTF_8);
    encoder.setPattern((System.getenv(JOURNAL) == null ? TIME : "") + LINE);
    encoder.start();
    ConsoleAppender<ILoggingEvent> console = new ConsoleAppender<>();
    console.setContext(context);
    console.setTarget("System.err");
    console.setEncoder(encoder);
    console.start();
    Logger root = context.getLogger(Logger.ROOT_LOGGER_NAME);
    root.setLevel(Level.INFO);
    root.addAppender(console);
    ONLY_WARNINGS.forEach(name -> context.getLogger(name).setLevel(Level.WARN));
    context.start();
  }

  @Override
  public ILoggerFactory getLoggerFactory() {
    return context;
  }

  @Override
  public IMarkerFactory getMarkerFactory() {
    return markers;
  }

  @Override
  public MDCAdapter getMDCAdapter() {
    return mdc;
  }

  @Override
  public String getRequestedApiVersion() {
    return API_VERSION;
  }
}
