package io.gpurunner.agent.cli;

import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.file.FileSystemOptions;
import java.util.function.Function;

/** Opens a small Vert.x for one command: one event loop, no files. */
final class ShortVertx {
  private ShortVertx() {}

  static <T> T with(Function<Vertx, T> work) {
    FileSystemOptions noFiles =
        new FileSystemOptions().setFileCachingEnabled(false).setClassPathResolvingEnabled(false);
    VertxOptions options =
        new VertxOptions()
            .setEventLoopPoolSize(1)
            .setWorkerPoolSize(1)
            .setInternalBlockingPoolSize(1)
            .setFileSystemOptions(noFiles);
    Vertx vertx = Vertx.vertx(options);
    try {
      return work.apply(vertx);
    } finally {
      vertx.close().toCompletionStage().toCompletableFuture().join();
    }
  }
}
