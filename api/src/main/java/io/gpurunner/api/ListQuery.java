package io.gpurunner.api;

import io.vertx.core.MultiMap;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The query of a list of jobs. Immutable.
 *
 * @param page counts from 1
 * @param size the most jobs on a page
 */
record ListQuery(JobFilter filter, int page, int size) {
  /**
   * Reads the parameters {@code current}, {@code size}, {@code state}, {@code user} and {@code id}.
   * Other parameters are not looked at.
   *
   * @throws RequestRefusedException BAD_REQUEST naming all wrong parameters
   */
  static ListQuery of(MultiMap query) {
    List<FieldError> wrong = new ArrayList<>();
    int page = PageQuery.number(query, "current", 1, ApiLimits.MAX_PAGE, wrong);
    int size =
        PageQuery.atMost(
            query, "size", ApiLimits.DEFAULT_PAGE_SIZE, ApiLimits.MAX_PAGE_SIZE, wrong);
    JobFilter filter =
        new JobFilter(state(query, wrong), user(query, wrong), idPrefix(query, wrong));
    if (!wrong.isEmpty()) {
      throw new RequestRefusedException(
          RequestRefusedException.Kind.BAD_REQUEST,
          new JobRequestParser.Result.Rejected(wrong).message());
    }
    return new ListQuery(filter, page, size);
  }

  private static Optional<JobFilter.State> state(MultiMap query, List<FieldError> wrong) {
    Optional<String> sent = PageQuery.text(query, "state", "live or ended", wrong);
    Optional<JobFilter.State> state =
        sent.flatMap(
            text ->
                switch (text) {
                  case "live" -> Optional.of(JobFilter.State.LIVE);
                  case "ended" -> Optional.of(JobFilter.State.ENDED);
                  default -> Optional.empty();
                });
    if (sent.isPresent() && state.isEmpty()) {
      wrong.add(new FieldError("state", "must be live or ended, was " + Shown.quoted(sent.get())));
    }
    return state;
  }

  private static Optional<String> user(MultiMap query, List<FieldError> wrong) {
    String accepted = "the name of one user";
    Optional<String> sent = PageQuery.text(query, "user", accepted, wrong);
    boolean isName =
        sent.filter(text -> !TokenClaims.canBe(text, ApiLimits.MAX_USER_CHARACTERS)).isEmpty();
    if (!isName) {
      wrong.add(
          new FieldError("user", "must be " + accepted + ", was " + Shown.quoted(sent.get())));
    }
    return sent.filter(_ -> isName);
  }

  private static Optional<String> idPrefix(MultiMap query, List<FieldError> wrong) {
    String accepted = "the beginning of a job id: ai and at least one character after it";
    Optional<String> sent = PageQuery.text(query, "id", accepted, wrong);
    boolean isPrefix = sent.filter(text -> !JobFilter.isIdPrefix(text)).isEmpty();
    if (!isPrefix) {
      wrong.add(new FieldError("id", "must be " + accepted + ", was " + Shown.quoted(sent.get())));
    }
    return sent.filter(_ -> isPrefix);
  }
}
