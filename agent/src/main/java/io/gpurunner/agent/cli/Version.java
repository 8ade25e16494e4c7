package io.gpurunner.agent.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/** The version, as Maven wrote it into the jar. */
public final class Version implements IVersionProvider {
  private static final String RESOURCE = "/META-INF/maven/io.gpurunner/agent/pom.properties";

  @Override
  public String[] getVersion() {
    return new String[] {"gpurunner " + number()};
  }

  /** Returns the version without the name of the program: {@code 0.1.0}. */
  public static String number() {
    Properties properties = new Properties();
    try (InputStream in = Version.class.getResourceAsStream(RESOURCE)) {
      if (in != null) {
        properties.load(in);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(RESOURCE + " in the agent's jar cannot be read", e);
    }
    return properties.getProperty("version", "(not packaged)");
  }
}
