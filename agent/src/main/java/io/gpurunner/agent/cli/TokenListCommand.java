package io.gpurunner.agent.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpurunner.agent.auth.IssuedToken;
import io.gpurunner.agent.auth.TokenRegistry;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.terminal.TextTable;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code gpurunner token list}. */
@Command(
    name = "list",
    description = "List the tokens on record, the newest first.",
    mixinStandardHelpOptions = true)
final class TokenListCommand implements Callable<Integer> {
  @Mixin private ConfigOption config;
  @Spec private CommandSpec spec;

  @Option(names = "--json", description = "Print JSON instead of a table.")
  private boolean json;

  @Override
  public Integer call() {
    Instant now = Instant.now();
    List<TokenRegistry.Entry> entries = new TokenRegistry(config.load().tokensDirectory()).list();
    spec.commandLine().getOut().println(json ? json(entries, now) : table(entries, now));
    return ExitStatus.DONE;
  }

  private static String table(List<TokenRegistry.Entry> entries, Instant now) {
    TextTable table = new TextTable("JTI", "USER", "ROLE", "ISSUED", "EXPIRES", "STATE");
    for (TokenRegistry.Entry entry : entries) {
      IssuedToken token = entry.token();
      table.row(
          token.id().value(),
          token.user().value(),
          token.admin() ? "admin" : "user",
          token.issuedAt().toString(),
          token.expires().map(Instant::toString).orElse("never"),
          state(entry, now));
    }
    return table.toString();
  }

  private static String json(List<TokenRegistry.Entry> entries, Instant now) {
    ArrayNode list = new ObjectMapper().createArrayNode();
    for (TokenRegistry.Entry entry : entries) {
      IssuedToken token = entry.token();
      ObjectNode node =
          list.addObject()
              .put("jti", token.id().value())
              .put("user", token.user().value())
              .put("admin", token.admin())
              .put("issuedAt", token.issuedAt().toString());
      token.expires().ifPresent(end -> node.put("expires", end.toString()));
      node.put("state", state(entry, now));
    }
    return list.toPrettyString();
  }

  private static String state(TokenRegistry.Entry entry, Instant now) {
    if (entry.revoked()) {
      return "revoked";
    }
    return entry.token().expiredAt(now) ? "expired" : "valid";
  }
}
