package io.gpurunner.agent.config;

import java.nio.file.Path;

/** The read-only libraries: each directory inside is one dataset, or one model. */
public record LibraryConfig(Path datasets, Path models) {}
