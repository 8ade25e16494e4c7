/**
 * The second generation of the cloud's API, as far as it differs from the first: the words for a
 * job's status, and forms as bodies. Requests are parsed, and jobs are kept, as those of the first.
 *
 * <pre>
 * api.JobEndpoints -> TrainingWords, FormField
 * </pre>
 */
@NullMarked
package io.gpurunner.api.generation2;

import org.jspecify.annotations.NullMarked;
