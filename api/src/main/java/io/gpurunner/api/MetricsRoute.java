package io.gpurunner.api;

import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.Router;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The route {@code /metrics}. Not thread-safe: belongs to the server's event loop. */
final class MetricsRoute {
  static final String PATH = "/metrics";

  private final Metrics metrics;
  private final RequestWork scrapes;
  private final ErrorAnswers errors;

  MetricsRoute(Vertx vertx, Metrics metrics, ErrorAnswers errors) {
    this.metrics = metrics;
    this.scrapes = new RequestWork(vertx, ApiLimits.MAX_SCRAPES);
    this.errors = errors;
  }

  /** Creates the routes of a server that has only the metrics, and asks for no token. */
  static Router alone(Vertx vertx, Metrics metrics, ErrorAnswers errors) {
    MetricsRoute route = new MetricsRoute(vertx, metrics, errors);
    Router router = Router.router(vertx);
    for (HttpMethod method : List.of(HttpMethod.GET, HttpMethod.HEAD)) {
      router.route(method, PATH).handler(context -> route.scrape(context.request(), () -> {}));
    }
    router
        .route()
        .handler(
            context ->
                errors
                    .of(
                        new RequestRefusedException(
                            RequestRefusedException.Kind.NOT_FOUND,
                            "there is only GET /metrics at this address"))
                    .send(context.request()));
    return router;
  }

  /**
   * Answers with the metrics.
   *
   * @param permission throws if the caller may not see them; may block
   */
  void scrape(HttpServerRequest request, Runnable permission) {
    String accept = Optional.ofNullable(request.getHeader(HttpHeaders.ACCEPT)).orElse("");
    scrapes.run(
        () -> {
          permission.run();
          return answer(metrics.scrape(accept));
        },
        answer -> answer.send(request),
        failure -> errors.of(failure).send(request));
  }

  private static Answer answer(Metrics.Page page) {
    return new Answer(200, Map.of("Content-Type", page.contentType()), Buffer.buffer(page.text()));
  }
}
