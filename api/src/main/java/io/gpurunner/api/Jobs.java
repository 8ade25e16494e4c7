package io.gpurunner.api;

import java.util.Optional;

/**
 * Inbound port: what can be asked of jobs. The agent implements it; methods may block and are
 * called on virtual threads only, except where marked. Thread-safe. A refusal is a {@link
 * RequestRefusedException}; anything else thrown is an internal error (501).
 */
public interface Jobs {
  /**
   * Accepts a job. Returns only after it is on disk.
   *
   * @param source the body as it was sent; keeps the keys this version does not know
   * @param idempotencyKey the {@code Idempotency-Key} header: the same key and body from the same
   *     user return the same id
   * @throws RequestRefusedException CONFLICT (key reused with another body), UNAVAILABLE (draining,
   *     not ready), TOO_MANY, BAD_REQUEST
   */
  JobId create(Caller caller, JobRequest request, String source, Optional<String> idempotencyKey);

  /**
   * The job that the same request made before. Asked before the request is judged in any other way:
   * a client that repeats it, because the answer was lost, gets its job's id although by now a
   * dataset is gone, a limit is reached or the machine takes no new jobs.
   *
   * @param source the body's text, which need not be a request that parses
   * @return empty where the key is new; {@link #create} asks again, at once with the recording
   * @throws RequestRefusedException CONFLICT (key used before with another body)
   */
  Optional<JobId> createdBefore(Caller caller, String idempotencyKey, String source);

  /**
   * The status as the guide knows it, with a freshly signed URL where there is a model to fetch.
   *
   * @throws RequestRefusedException NOT_FOUND for no such job or another user's
   */
  JobStatus status(Caller caller, JobId id);

  /**
   * Asks for the job's end. Idempotent; a finished job stays finished. Returns once the wish is on
   * disk, not once the container is gone.
   *
   * @return a sentence for the user saying what happens now
   * @throws RequestRefusedException NOT_FOUND for no such job or another user's
   */
  String delete(Caller caller, JobId id);

  /**
   * Starts the upload of a finished job's kept artifacts again; for its owner or an admin.
   *
   * @return a sentence for the user saying what happens now
   * @throws RequestRefusedException NOT_FOUND, CONFLICT where there is nothing to upload
   */
  String retryUpload(Caller caller, JobId id);

  /**
   * One page of the caller's jobs (an admin: of all), newest first. {@code page} counts from 1.
   *
   * @throws RequestRefusedException TOO_MANY while another list of this caller is put together,
   *     UNAVAILABLE while too many others' are
   */
  JobPage list(Caller caller, int page, int size);

  /**
   * Everything known about one job.
   *
   * @throws RequestRefusedException NOT_FOUND for no such job or another user's
   */
  JobDetail detail(Caller caller, JobId id);
}
