package io.gpurunner.agent.callback;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.impl.HttpClientConnectionInternal;

/**
 * Drops what a receiver sends before its answer: responses with a status from 102 to 199. Vert.x
 * 5.0.10 knows only 100 and 103 and takes another one for the answer.
 */
final class InterimResponses extends ChannelInboundHandlerAdapter {
  private static final int SWITCHING_PROTOCOLS = 101;
  private static final int OK = 200;

  private boolean dropping;

  private InterimResponses() {}

  /** Drops them on a connection from now on. */
  static void ignoreOn(HttpConnection connection) {
    if (connection instanceof HttpClientConnectionInternal internal) {
      ChannelHandlerContext receiver = internal.channelHandlerContext();
      receiver.pipeline().addBefore(receiver.name(), null, new InterimResponses());
    }
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (message instanceof HttpResponse response) {
      int status = response.status().code();
      dropping = status > SWITCHING_PROTOCOLS && status < OK;
    }
    boolean isDropped = dropping;
    if (message instanceof LastHttpContent) {
      dropping = false;
    }
    if (isDropped) {
      ReferenceCountUtil.release(message);
    } else {
      context.fireChannelRead(message);
    }
  }
}
