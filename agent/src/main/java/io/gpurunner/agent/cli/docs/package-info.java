/**
 * Manual pages and completions of shells, which are written from picocli's model of the commands.
 */
@NullMarked
package io.gpurunner.agent.cli.docs;

import org.jspecify.annotations.NullMarked;
