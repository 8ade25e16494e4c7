package io.gpurunner.api;

import io.gpurunner.api.generation2.FormField;
import io.gpurunner.api.generation2.TrainingWords;
import io.vertx.core.Handler;
import io.vertx.core.MultiMap;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** The routes of the server. Not thread-safe: belongs to the server's event loop. */
final class Endpoints {
  /** Every request below this path needs a token, also for a path or method that does not exist. */
  private static final String API = "/api/";

  private static final String IDEMPOTENCY_KEY = "Idempotency-Key";

  private final ApiPorts ports;
  private final TokenVerifier tokens;
  private static final String GPU_NAME = "the UUID or the index of a GPU";
  private static final int MAX_GPU_NAME = 96;
  private static final int MAX_REASON_LENGTH = 500;

  private final BodyReader bodies;
  private final RequestWork work;
  private final RequestWork files;
  private final EventStreams streams;
  private final ErrorAnswers errors;
  private final LogRoute logs;
  private final JobRequestParser parser = new JobRequestParser();
  private final List<String> routes = new ArrayList<>();

  /** Handles a caller's request with a body. May block. */
  @FunctionalInterface
  private interface BodyWork {
    Answer answer(Caller caller, Buffer body);
  }

  /** Handles a caller's request. May block. */
  @FunctionalInterface
  private interface CallerWork {
    Answer answer(Caller caller);
  }

  /** Handles a request about one job. May block. */
  @FunctionalInterface
  private interface JobWork {
    Answer answer(Caller caller, JobId id);
  }

  Endpoints(
      ApiPorts ports,
      TokenVerifier tokens,
      BodyReader bodies,
      RequestWork work,
      RequestWork files,
      EventStreams streams,
      LogRoute logs,
      ErrorAnswers errors) {
    this.logs = logs;
    this.streams = streams;
    this.files = files;
    this.ports = ports;
    this.tokens = tokens;
    this.bodies = bodies;
    this.work = work;
    this.errors = errors;
  }

  /** Creates all routes. Exact paths come before paths with parameters. */
  Router router(Vertx vertx) {
    Router router = Router.router(vertx);
    HealthRoute health = new HealthRoute(ports.health(), errors);
    ArtifactRoute artifacts = new ArtifactRoute(ports.downloads(), files, errors);
    add(router, "/api/userJob/job_status", Map.of(HttpMethod.POST, this::jobStatus));
    add(router, "/api/userJob", Map.of(HttpMethod.POST, this::create, HttpMethod.GET, this::list));
    add(router, "/api/userJob/job_del", Map.of(HttpMethod.POST, this::delete));
    add(router, "/api/userJob/getGpuType", Map.of(HttpMethod.GET, this::gpuTypes));
    add(router, "/api/userJob/:id/retry-upload", Map.of(HttpMethod.POST, this::retryUpload));
    add(router, "/api/userJob/:id/logs", Map.of(HttpMethod.GET, this::logs));
    ArtifactLists artifactLists = new ArtifactLists(ports.jobs());
    add(
        router,
        "/api/userJob/:id/artifacts",
        Map.of(HttpMethod.GET, context -> aboutJob(context, artifactLists::answer)));
    add(router, "/api/userJob/:id", Map.of(HttpMethod.GET, this::detail));
    add(
        router,
        "/api/job/training",
        Map.of(HttpMethod.POST, this::create, HttpMethod.GET, this::trainings));
    add(router, "/api/job/gpu/status", Map.of(HttpMethod.GET, this::trainingStatus));
    add(router, "/api/job/gpu/stop", Map.of(HttpMethod.POST, this::stopTraining));
    Answer document = OpenApiDocument.read();
    add(
        router,
        "/api/openapi.json",
        Map.of(HttpMethod.GET, context -> authenticated(context.request(), _ -> document)));
    EventsRoute events = new EventsRoute(vertx, ports.events(), streams, tokens, work, errors);
    add(router, "/api/events", Map.of(HttpMethod.GET, events::handle));
    add(router, "/api/whoami", Map.of(HttpMethod.GET, this::whoami));
    add(router, "/api/gpus", Map.of(HttpMethod.GET, this::gpus));
    add(
        router,
        "/api/gpus/driver/release",
        Map.of(HttpMethod.POST, context -> administer(context, this::releaseDriver)));
    add(
        router,
        "/api/gpus/driver/take",
        Map.of(
            HttpMethod.POST,
            context -> administer(context, (caller, _) -> ports.gpus().takeDriver(caller))));
    add(
        router,
        "/api/gpus/quarantine",
        Map.of(HttpMethod.POST, context -> administer(context, this::quarantine)));
    add(
        router,
        "/api/gpus/release",
        Map.of(HttpMethod.POST, context -> administer(context, this::release)));
    add(router, "/api/resource/gpus", Map.of(HttpMethod.GET, this::gpuTypes));
    add(
        router,
        "/api/resource/models",
        Map.of(HttpMethod.GET, context -> resources(context, "model", MachineFacts::models)));
    add(
        router,
        "/api/resource/datasets",
        Map.of(HttpMethod.GET, context -> resources(context, "dataset", MachineFacts::datasets)));
    add(router, "/artifacts/:jobId/:file", Map.of(HttpMethod.GET, artifacts::handle));
    MetricsRoute metrics = new MetricsRoute(vertx, ports.metrics(), errors);
    add(
        router,
        MetricsRoute.PATH,
        Map.of(HttpMethod.GET, context -> scrape(context.request(), metrics)));
    add(
        router,
        "/health/live",
        Map.of(HttpMethod.GET, context -> health.live().send(context.request())));
    add(
        router,
        "/health/ready",
        Map.of(HttpMethod.GET, context -> health.ready().send(context.request())));
    router
        .route(API + "*")
        .handler(
            context ->
                authenticated(
                    context.request(),
                    _ -> {
                      throw noSuchPath();
                    }));
    router.route().handler(context -> fail(context.request(), noSuchPath()));
    router.errorHandler(400, context -> fail(context.request(), badPath()));
    router.errorHandler(404, context -> fail(context.request(), noSuchPath()));
    router.errorHandler(
        500,
        context ->
            fail(
                context.request(),
                Optional.ofNullable(context.failure())
                    .orElseGet(() -> new IllegalStateException("a route failed without a cause"))));
    return router;
  }

  static RequestRefusedException badPath() {
    return new RequestRefusedException(
        RequestRefusedException.Kind.BAD_REQUEST, "the request's path or Host header is malformed");
  }

  private static RequestRefusedException noSuchPath() {
    return new RequestRefusedException(
        RequestRefusedException.Kind.NOT_FOUND, "there is nothing at this path");
  }

  /** Returns the routes that were created: {@code GET /api/userJob/{id}}. HEAD is not named. */
  List<String> routes() {
    return List.copyOf(routes);
  }

  private void add(Router router, String path, Map<HttpMethod, Handler<RoutingContext>> methods) {
    methods
        .keySet()
        .forEach(method -> routes.add(method + " " + path.replaceAll(":(\\w+)", "{$1}")));
    Map<HttpMethod, Handler<RoutingContext>> handlers = new HashMap<>(methods);
    // What answers GET answers HEAD, and sends no body then.
    Optional.ofNullable(methods.get(HttpMethod.GET))
        .ifPresent(get -> handlers.put(HttpMethod.HEAD, get));
    String allowed =
        handlers.keySet().stream().map(HttpMethod::name).sorted().collect(Collectors.joining(", "));
    router
        .route(path)
        .handler(
            context -> {
              Handler<RoutingContext> handler = handlers.get(context.request().method());
              if (handler != null) {
                handler.handle(context);
                return;
              }
              if (path.startsWith(API)) {
                authenticated(context.request(), _ -> wrongMethod(allowed));
              } else {
                wrongMethod(allowed).send(context.request());
              }
            });
  }

  private Answer wrongMethod(String allowed) {
    return errors.of(
        new RequestRefusedException(
            RequestRefusedException.Kind.METHOD_NOT_ALLOWED, "the method must be " + allowed),
        Map.of("Allow", allowed));
  }

  private void create(RoutingContext context) {
    MultiMap headers = context.request().headers();
    withBody(
        context,
        (caller, body) -> {
          Optional<String> key = idempotencyKey(headers.getAll(IDEMPOTENCY_KEY));
          Optional<JobId> before =
              key.flatMap(text -> ports.jobs().createdBefore(caller, text, text(body)));
          if (before.isPresent()) {
            return Answer.ok(JobJson.created(before.get()));
          }
          return switch (parser.parse(caller, body, ports.facts())) {
            case JobRequestParser.Result.Accepted(JobRequest request, String source) ->
                Answer.ok(JobJson.created(ports.jobs().create(caller, request, source, key)));
            case JobRequestParser.Result.Rejected rejected -> throw badRequest(rejected.message());
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
      throw badRequest(
          "%s: must be sent once, with 1 to %d visible ASCII characters"
              .formatted(IDEMPOTENCY_KEY, ApiLimits.MAX_IDEMPOTENCY_KEY_CHARACTERS));
    }
    return Optional.of(key);
  }

  private void jobStatus(RoutingContext context) {
    withBody(
        context,
        (caller, body) -> Answer.ok(JobJson.status(ports.jobs().status(caller, namedJob(body)))));
  }

  private void delete(RoutingContext context) {
    withBody(
        context,
        (caller, body) -> {
          JobId id = namedJob(body);
          return Answer.ok(JobJson.message(id, ports.jobs().delete(caller, id)));
        });
  }

  /**
   * Returns the job that a body {@code {"job_id":"…"}} names. A text that is not a job id is
   * answered with 404.
   */
  private static JobId namedJob(Buffer body) {
    return switch (fields(body).find("job_id")) {
      case Optional<JsonValue> value when value.isEmpty() ->
          throw badRequest("job_id: is required");
      case Optional<JsonValue> value when value.get() instanceof JsonValue.Text(String text) ->
          jobId(text);
      case Optional<JsonValue> value ->
          throw badRequest("job_id: must be text, was " + value.get().shown());
    };
  }

  private static Fields fields(Buffer body) {
    try {
      return new Fields(JsonReader.object(text(body)));
    } catch (MalformedJsonException e) {
      throw badRequest("body: " + e.reason());
    }
  }

  private static String text(Buffer body) {
    try {
      return JsonReader.text(body.getBytes());
    } catch (MalformedJsonException e) {
      throw badRequest("body: " + e.reason());
    }
  }

  private static JobId jobId(String text) {
    return JobId.parse(text)
        .orElseThrow(
            () ->
                new RequestRefusedException(
                    RequestRefusedException.Kind.NOT_FOUND,
                    "job_id: there is no job " + Shown.quoted(text)));
  }

  private void list(RoutingContext context) {
    list(context, JobJson::row);
  }

  private void trainings(RoutingContext context) {
    list(context, job -> TrainingWords.row(JobJson.row(job)));
  }

  private void list(RoutingContext context, Function<JobDetail, JsonObject> row) {
    HttpServerRequest request = context.request();
    authenticated(
        request,
        caller -> {
          ListQuery query = ListQuery.of(request.params());
          return Answer.ok(
              JobJson.page(
                  ports.jobs().list(caller, query.filter(), query.page(), query.size()), row));
        });
  }

  private void whoami(RoutingContext context) {
    authenticated(context.request(), caller -> Answer.ok(JobJson.caller(caller)));
  }

  private void trainingStatus(RoutingContext context) {
    String sent = Optional.ofNullable(context.request().getParam("job_id")).orElse("");
    authenticated(
        context.request(),
        caller -> {
          JobId id = jobId(requiredId(sent));
          String state = ports.jobs().detail(caller, id).state();
          return Answer.ok(JobJson.created(id).put("status", TrainingWords.of(state).word()));
        });
  }

  private void stopTraining(RoutingContext context) {
    String type =
        Optional.ofNullable(context.request().getHeader(HttpHeaders.CONTENT_TYPE)).orElse("");
    withBody(
        context,
        (caller, body) -> {
          // curl sends JSON, too, as a form where nobody tells it the type.
          boolean isForm = FormField.isForm(type) && !text(body).stripLeading().startsWith("{");
          JobId id =
              isForm
                  ? jobId(requiredId(FormField.read(type, body.getBytes(), "job_id").orElse("")))
                  : namedJob(body);
          return Answer.ok(JobJson.message(id, ports.jobs().delete(caller, id)));
        });
  }

  private static String requiredId(String text) {
    if (text.isBlank()) {
      throw badRequest("job_id: is required");
    }
    return text.strip();
  }

  private void resources(
      RoutingContext context, String object, Function<MachineFacts, LibraryNames> library) {
    authenticated(
        context.request(),
        _ ->
            Answer.ok(
                JobJson.resources(
                    object,
                    library.apply(ports.facts()).first(JobRequestLimits.MAX_RESOURCES).names())));
  }

  /** Unlike the types, it answers while the GPUs cannot be read: it says why. */
  private void gpus(RoutingContext context) {
    authenticated(context.request(), caller -> Answer.ok(GpuJson.of(caller, ports.facts().gpus())));
  }

  /** What an administrator asks for. */
  private interface Administration {
    String answer(Caller caller, Fields fields);
  }

  private void administer(RoutingContext context, Administration todo) {
    withBody(
        context,
        (caller, body) -> {
          requireAdmin(caller);
          return Answer.ok(new JsonObject().put("message", todo.answer(caller, fields(body))));
        });
  }

  private static void requireAdmin(Caller caller) {
    if (!caller.admin()) {
      throw new RequestRefusedException(
          RequestRefusedException.Kind.FORBIDDEN,
          "only an admin's token may do this; see: gpurunner token create --admin");
    }
  }

  private void scrape(HttpServerRequest request, MetricsRoute route) {
    verified(request)
        .ifPresent(
            token -> route.scrape(request, () -> requireAdmin(tokens.requireNotRevoked(token))));
  }

  private String quarantine(Caller caller, Fields fields) {
    Optional<String> gpu = fields.requiredText("gpu", GPU_NAME, MAX_GPU_NAME);
    Optional<String> reason = fields.requiredText("reason", "text", MAX_REASON_LENGTH);
    requireNoErrors(fields);
    return ports.gpus().quarantine(caller, gpu.orElseThrow(), reason.orElseThrow());
  }

  private String release(Caller caller, Fields fields) {
    Optional<String> gpu = fields.requiredText("gpu", GPU_NAME, MAX_GPU_NAME);
    Optional<String> reason = fields.requiredText("reason", "text", MAX_REASON_LENGTH);
    requireNoErrors(fields);
    return ports.gpus().release(caller, gpu.orElseThrow(), reason.orElseThrow());
  }

  private String releaseDriver(Caller caller, Fields fields) {
    Optional<String> gpu = fields.requiredText("gpu", GPU_NAME, MAX_GPU_NAME);
    requireNoErrors(fields);
    return ports.gpus().releaseDriver(caller, gpu.filter(name -> !name.equals("all")));
  }

  private static void requireNoErrors(Fields fields) {
    if (!fields.errors().isEmpty()) {
      throw badRequest(
          fields.errors().stream().map(FieldError::toString).collect(Collectors.joining("; ")));
    }
  }

  private void gpuTypes(RoutingContext context) {
    authenticated(
        context.request(),
        _ -> {
          MachineFacts facts = ports.facts();
          facts
              .gpuFault()
              .ifPresent(
                  fault -> {
                    throw GpuFields.unreadable(fault);
                  });
          return Answer.ok(JobJson.gpuTypes(facts.gpuAvailability()));
        });
  }

  private void detail(RoutingContext context) {
    aboutJob(context, (caller, id) -> Answer.ok(JobJson.detail(ports.jobs().detail(caller, id))));
  }

  private void retryUpload(RoutingContext context) {
    aboutJob(
        context,
        (caller, id) -> Answer.ok(JobJson.message(id, ports.jobs().retryUpload(caller, id))));
  }

  /** Opens a log on a thread for files, because it reads where the log begins. */
  private void logs(RoutingContext context) {
    HttpServerRequest request = context.request();
    String id = Objects.requireNonNull(context.pathParam("id"));
    verified(request)
        .ifPresent(
            token ->
                files.run(
                    () -> logs.open(request, tokens.requireNotRevoked(token), jobId(id)),
                    opened -> logs.send(request, opened),
                    failure -> fail(request, failure)));
  }

  private void aboutJob(RoutingContext context, JobWork todo) {
    String id = Objects.requireNonNull(context.pathParam("id"));
    authenticated(context.request(), caller -> todo.answer(caller, jobId(id)));
  }

  private void authenticated(HttpServerRequest request, CallerWork todo) {
    verified(request)
        .ifPresent(
            token -> answer(request, () -> todo.answer(tokens.requireNotRevoked(token)), () -> {}));
  }

  /**
   * Handles a request with a body. The token is checked first, so that the body of a request
   * without one is not kept.
   */
  private void withBody(RoutingContext context, BodyWork todo) {
    HttpServerRequest request = context.request();
    verified(request)
        .ifPresent(
            token -> {
              ContentEncoding encoding =
                  ContentEncoding.of(request.headers().getAll(HttpHeaders.CONTENT_ENCODING));
              bodies.read(
                  request,
                  body ->
                      answer(
                          request,
                          () -> todo.answer(tokens.requireNotRevoked(token), encoding.decode(body)),
                          () -> bodies.release(body)),
                  refusal -> fail(request, refusal));
            });
  }

  /** Verifies the token. The result is empty if the request was answered with 401. */
  private Optional<TokenVerifier.Verified> verified(HttpServerRequest request) {
    try {
      return Optional.of(tokens.verify(request.headers().getAll(HttpHeaders.AUTHORIZATION)));
    } catch (RequestRefusedException e) {
      fail(request, e);
      return Optional.empty();
    }
  }

  private void answer(HttpServerRequest request, Supplier<Answer> todo, Runnable afterwards) {
    work.run(
        todo,
        answer -> {
          afterwards.run();
          answer.send(request);
        },
        failure -> {
          afterwards.run();
          fail(request, failure);
        });
  }

  private void fail(HttpServerRequest request, Throwable failure) {
    errors.of(failure).send(request);
  }

  private static RequestRefusedException badRequest(String message) {
    return new RequestRefusedException(RequestRefusedException.Kind.BAD_REQUEST, message);
  }
}
