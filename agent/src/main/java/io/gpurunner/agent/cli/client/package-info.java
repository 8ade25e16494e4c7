/** The commands' connection to an agent: where it is, the token, requests and answers. */
@NullMarked
package io.gpurunner.agent.cli.client;

import org.jspecify.annotations.NullMarked;
