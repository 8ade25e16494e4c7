package io.gpurunner.api;

import io.gpurunner.api.generation2.FormField;
import io.gpurunner.api.generation2.TrainingWords;
import io.vertx.core.MultiMap;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;

/**
 * The endpoints about jobs, of both generations of the API. Not thread-safe: belongs to the
 * server's event loop.
 */
final class JobEndpoints {
  private static final String IDEMPOTENCY_KEY = "Idempotency-Key";

  private final ApiPorts ports;
  private final CallerRequests requests;
  private final RequestWork files;
  private final LogRoute logs;
  private final ArtifactLists artifacts;
  private final JobRequestParser parser = new JobRequestParser();

  /** Handles a request about one job. May block. */
  @FunctionalInterface
  private interface JobWork {
    Answer answer(Caller caller, JobId id);
  }

  JobEndpoints(ApiPorts ports, CallerRequests requests, RequestWork files, LogRoute logs) {
    this.ports = ports;
    this.requests = requests;
    this.files = files;
    this.logs = logs;
    this.artifacts = new ArtifactLists(ports.jobs());
  }

  void create(RoutingContext context) {
    MultiMap headers = context.request().headers();
    requests.withBody(
        context,
        (caller, body) -> {
          Optional<String> key = idempotencyKey(headers.getAll(IDEMPOTENCY_KEY));
          Optional<JobId> before =
              key.flatMap(
                  text -> ports.jobs().createdBefore(caller, text, RequestFields.text(body)));
          if (before.isPresent()) {
            return Answer.ok(JobJson.created(before.get()));
          }
          return switch (parser.parse(caller, body, ports.facts())) {
            case JobRequestParser.Result.Accepted(JobRequest request, String source) ->
                Answer.ok(JobJson.created(ports.jobs().create(caller, request, source, key)));
            case JobRequestParser.Result.Rejected rejected ->
                throw RequestFields.badRequest(rejected.message());
          };
        });
  }

  private static Optional<String> idempotencyKey(List<String> headers) {
    if (headers.isEmpty()) {
      return Optional.empty();
    }
    String key = headers.getFirst();
    boolean valid =
        headers.size() == 1
            && !key.isEmpty()
            && key.length() <= ApiLimits.MAX_IDEMPOTENCY_KEY_CHARACTERS
            && key.chars().allMatch(character -> character > ' ' && character < 0x7f);
    if (!valid) {
      throw RequestFields.badRequest(
          "%s: must be sent once, with 1 to %d visible ASCII characters"
              .formatted(IDEMPOTENCY_KEY, ApiLimits.MAX_IDEMPOTENCY_KEY_CHARACTERS));
    }
    return Optional.of(key);
  }

  void jobStatus(RoutingContext context) {
    requests.withBody(
        context,
        (caller, body) ->
            Answer.ok(JobJson.status(ports.jobs().status(caller, RequestFields.namedJob(body)))));
  }

  void delete(RoutingContext context) {
    requests.withBody(
        context,
        (caller, body) -> {
          JobId id = RequestFields.namedJob(body);
          String done =
              RequestFields.isSet(body, "purge")
                  ? ports.jobs().purge(caller, id)
                  : ports.jobs().delete(caller, id);
          return Answer.ok(JobJson.message(id, done));
        });
  }

  void list(RoutingContext context) {
    list(context, JobJson::row);
  }

  void trainings(RoutingContext context) {
    list(context, job -> TrainingWords.row(JobJson.row(job)));
  }

  private void list(RoutingContext context, Function<JobDetail, JsonObject> row) {
    HttpServerRequest request = context.request();
    requests.authenticated(
        request,
        caller -> {
          ListQuery query = ListQuery.of(request.params());
          return Answer.ok(
              JobJson.page(
                  ports.jobs().list(caller, query.filter(), query.page(), query.size()), row));
        });
  }

  void trainingStatus(RoutingContext context) {
    String sent = Optional.ofNullable(context.request().getParam("job_id")).orElse("");
    requests.authenticated(
        context.request(),
        caller -> {
          JobId id = RequestFields.jobId(RequestFields.requiredId(sent));
          String state = ports.jobs().detail(caller, id).state();
          return Answer.ok(JobJson.created(id).put("status", TrainingWords.of(state).word()));
        });
  }

  void stopTraining(RoutingContext context) {
    String type =
        Optional.ofNullable(context.request().getHeader(HttpHeaders.CONTENT_TYPE)).orElse("");
    requests.withBody(
        context,
        (caller, body) -> {
          // curl sends JSON, too, as a form where nobody tells it the type.
          boolean isForm =
              FormField.isForm(type) && !RequestFields.text(body).stripLeading().startsWith("{");
          JobId id =
              isForm
                  ? RequestFields.jobId(
                      RequestFields.requiredId(
                          FormField.read(type, body.getBytes(), "job_id").orElse("")))
                  : RequestFields.namedJob(body);
          return Answer.ok(JobJson.message(id, ports.jobs().delete(caller, id)));
        });
  }

  void detail(RoutingContext context) {
    aboutJob(context, (caller, id) -> Answer.ok(JobJson.detail(ports.jobs().detail(caller, id))));
  }

  void retryUpload(RoutingContext context) {
    aboutJob(
        context,
        (caller, id) -> Answer.ok(JobJson.message(id, ports.jobs().retryUpload(caller, id))));
  }

  void artifacts(RoutingContext context) {
    aboutJob(context, artifacts::answer);
  }

  /** Opens a log on a thread for files, because it reads where the log begins. */
  void logs(RoutingContext context) {
    HttpServerRequest request = context.request();
    String id = Objects.requireNonNull(context.pathParam("id"));
    requests.onThreadsOf(
        files,
        request,
        caller -> logs.open(request, caller, RequestFields.jobId(id)),
        opened -> logs.send(request, opened));
  }

  private void aboutJob(RoutingContext context, JobWork todo) {
    String id = Objects.requireNonNull(context.pathParam("id"));
    requests.authenticated(
        context.request(), caller -> todo.answer(caller, RequestFields.jobId(id)));
  }
}
