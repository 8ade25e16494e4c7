package io.gpurunner.api;

import java.util.Optional;

/**
 * Port: what clients can ask of jobs. The agent implements it. Methods may block and are called on
 * virtual threads only, except where marked. Thread-safe. A refusal is a {@link
 * RequestRefusedException}; any other exception is an internal error (501).
 */
public interface Jobs {
  /**
   * Accepts a job. Returns only after it is on disk.
   *
   * @param source the body as it was sent, with the keys that this version does not know
   * @param idempotencyKey the {@code Idempotency-Key} header: the same key and body from the same
   *     user return the same id
   * @throws RequestRefusedException CONFLICT (key reused with another body), UNAVAILABLE (draining,
   *     not ready), TOO_MANY, BAD_REQUEST
   */
  JobId create(Caller caller, JobRequest request, String source, Optional<String> idempotencyKey);

  /**
   * Returns the job that the same request created before. It is asked before the request is judged
   * in any other way. A client repeats a request because the answer was lost, and gets its job's id
   * even if a data set is gone by now, a limit is reached, or the machine takes no new jobs.
   *
   * @param source the body's text, which need not be a request that parses
   * @return empty if the key is new; {@link #create} asks again when it records the job
   * @throws RequestRefusedException CONFLICT (key used before with another body)
   */
  Optional<JobId> createdBefore(Caller caller, String idempotencyKey, String source);

  /**
   * Returns the status as the guide defines it, with a newly signed URL if there is a model to
   * fetch.
   *
   * @throws RequestRefusedException NOT_FOUND for no such job or another user's job
   */
  JobStatus status(Caller caller, JobId id);

  /**
   * Requests the deletion of the job. Idempotent; a finished job stays finished. Returns when the
   * request is on disk, not when the container is gone.
   *
   * @return a sentence for the user saying what happens now
   * @throws RequestRefusedException NOT_FOUND for no such job or another user's job
   */
  String delete(Caller caller, JobId id);

  /**
   * Removes the directories, the logs and the local artifacts of a job that has ended. Idempotent.
   * Returns when the request is on disk, not when the files are gone. The job's record stays.
   *
   * @return a sentence for the user saying what happens now
   * @throws RequestRefusedException NOT_FOUND for no such job or another user's job; CONFLICT if
   *     the job has not ended, or a job that has not ended resumes from it
   */
  String purge(Caller caller, JobId id);

  /**
   * Starts the upload of a finished job's kept artifacts again. Only the job's owner and an admin
   * may do so.
   *
   * @return a sentence for the user saying what happens now
   * @throws RequestRefusedException NOT_FOUND, CONFLICT if there is nothing to upload
   */
  String retryUpload(Caller caller, JobId id);

  /**
   * Returns one page of the caller's jobs, newest first. An admin gets all users' jobs. {@code
   * page} counts from 1.
   *
   * @param filter which jobs the list has; another user's jobs are not in the list of a caller who
   *     is no admin
   * @throws RequestRefusedException TOO_MANY while another list of this caller is prepared,
   *     UNAVAILABLE while too many lists of other callers are
   */
  JobPage list(Caller caller, JobFilter filter, int page, int size);

  /**
   * Returns what a job has published, with newly signed URLs and the content of the manifest. It
   * asks the store, for a limited time.
   *
   * @throws RequestRefusedException NOT_FOUND for no such job or another user's job; UNAVAILABLE if
   *     the store does not answer
   */
  JobArtifacts artifacts(Caller caller, JobId id);

  /** Returns what the caller has on the machine's disk. It is empty if that is not limited. */
  Optional<DiskUse> disk(Caller caller);

  /**
   * Returns everything that is known about one job.
   *
   * @throws RequestRefusedException NOT_FOUND for no such job or another user's job
   */
  JobDetail detail(Caller caller, JobId id);
}
