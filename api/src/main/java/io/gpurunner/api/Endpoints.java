package io.gpurunner.api;

import io.vertx.core.Handler;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.stream.Collectors;

/** The routes of the server. Not thread-safe: belongs to the server's event loop. */
final class Endpoints {
  /** Every request below this path needs a token, also for a path or method that does not exist. */
  private static final String API = "/api/";

  private final ApiPorts ports;
  private final Connections connections;
  private final TokenVerifier tokens;
  private final CallerRequests requests;
  private final RequestWork work;
  private final RequestWork files;
  private final EventStreams streams;
  private final ErrorAnswers errors;
  private final LogRoute logs;
  private final List<String> routes = new ArrayList<>();

  Endpoints(
      ApiPorts ports,
      Connections connections,
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
    this.connections = connections;
    this.requests = new CallerRequests(connections, tokens, bodies, work, errors);
    this.work = work;
    this.errors = errors;
  }

  /** Creates all routes. Exact paths come before paths with parameters. */
  Router router(Vertx vertx) {
    Router router = Router.router(vertx);
    HealthRoute health = new HealthRoute(ports.health(), errors);
    JobEndpoints jobs = new JobEndpoints(ports, requests, files, logs);
    GpuEndpoints gpus = new GpuEndpoints(ports, requests);
    ArtifactRoute artifacts = new ArtifactRoute(ports.downloads(), connections, files, errors);
    add(router, "/api/userJob/job_status", Map.of(HttpMethod.POST, jobs::jobStatus));
    add(router, "/api/userJob", Map.of(HttpMethod.POST, jobs::create, HttpMethod.GET, jobs::list));
    add(router, "/api/userJob/job_del", Map.of(HttpMethod.POST, jobs::delete));
    add(router, "/api/userJob/getGpuType", Map.of(HttpMethod.GET, gpus::gpuTypes));
    add(router, "/api/userJob/:id/retry-upload", Map.of(HttpMethod.POST, jobs::retryUpload));
    add(router, "/api/userJob/:id/logs", Map.of(HttpMethod.GET, jobs::logs));
    add(router, "/api/userJob/:id/artifacts", Map.of(HttpMethod.GET, jobs::artifacts));
    add(router, "/api/userJob/:id", Map.of(HttpMethod.GET, jobs::detail));
    add(
        router,
        "/api/job/training",
        Map.of(HttpMethod.POST, jobs::create, HttpMethod.GET, jobs::trainings));
    add(router, "/api/job/gpu/status", Map.of(HttpMethod.GET, jobs::trainingStatus));
    add(router, "/api/job/gpu/stop", Map.of(HttpMethod.POST, jobs::stopTraining));
    Answer document = OpenApiDocument.read();
    add(
        router,
        "/api/openapi.json",
        Map.of(
            HttpMethod.GET, context -> requests.authenticated(context.request(), _ -> document)));
    EventsRoute events =
        new EventsRoute(vertx, ports.events(), streams, connections, tokens, work, errors);
    add(router, "/api/events", Map.of(HttpMethod.GET, events::handle));
    add(router, "/api/whoami", Map.of(HttpMethod.GET, this::whoami));
    add(router, "/api/callback-key", Map.of(HttpMethod.GET, this::callbackKey));
    add(router, "/api/gpus", Map.of(HttpMethod.GET, gpus::gpus));
    add(router, "/api/gpus/driver/release", Map.of(HttpMethod.POST, gpus::releaseDriver));
    add(router, "/api/gpus/driver/take", Map.of(HttpMethod.POST, gpus::takeDriver));
    add(router, "/api/gpus/quarantine", Map.of(HttpMethod.POST, gpus::quarantine));
    add(router, "/api/gpus/release", Map.of(HttpMethod.POST, gpus::release));
    add(router, "/api/resource/gpus", Map.of(HttpMethod.GET, gpus::gpuTypes));
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
        Map.of(
            HttpMethod.GET,
            context ->
                requests.administered(
                    context.request(),
                    permission -> metrics.scrape(context.request(), permission))));
    add(
        router,
        "/health/live",
        Map.of(HttpMethod.GET, context -> health.live().send(context.request())));
    add(
        router,
        "/health/ready",
        Map.of(
            HttpMethod.GET,
            context ->
                requests.withMoreForAdmins(context.request(), health::ready, health::readyInFull)));
    router
        .route(API + "*")
        .handler(
            context ->
                requests.authenticated(
                    context.request(),
                    _ -> {
                      throw noSuchPath();
                    }));
    router.route().handler(context -> requests.fail(context.request(), noSuchPath()));
    router.errorHandler(400, context -> requests.fail(context.request(), badPath()));
    router.errorHandler(404, context -> requests.fail(context.request(), noSuchPath()));
    router.errorHandler(
        500,
        context ->
            requests.fail(
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
                requests.authenticated(context.request(), _ -> wrongMethod(allowed));
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

  private void whoami(RoutingContext context) {
    requests.authenticated(
        context.request(), caller -> Answer.ok(JobJson.caller(caller, ports.jobs().disk(caller))));
  }

  /** Answers with the caller's own key, and never with another user's. */
  private void callbackKey(RoutingContext context) {
    requests.authenticated(
        context.request(),
        caller -> Answer.ok(JobJson.callbackKey(caller, ports.callbackKeys().of(caller.user()))));
  }

  private void resources(
      RoutingContext context,
      String object,
      BiFunction<MachineFacts, Caller, LibraryNames> library) {
    requests.authenticated(
        context.request(),
        caller ->
            Answer.ok(
                JobJson.resources(
                    object,
                    library
                        .apply(ports.facts(), caller)
                        .first(JobRequestLimits.MAX_RESOURCES)
                        .names())));
  }
}
