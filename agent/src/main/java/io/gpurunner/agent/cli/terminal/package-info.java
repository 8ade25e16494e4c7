/** What the commands write: tables, colours, words for times and sizes. */
@NullMarked
package io.gpurunner.agent.cli.terminal;

import org.jspecify.annotations.NullMarked;
