package io.gpurunner.agent.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.cli.CommandRun.Outcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
final class ArtifactsCommandTest {
  private static final String JOB = "aia1905cd8-650a-4cd9-b005-677ec3376db0";
  private static final String ARTIFACTS = "GET /api/userJob/" + JOB + "/artifacts";
  private static final String DATA = "GET /artifacts/x/data.zip";

  private final FakeAgent agent;
  @TempDir private Path directory;

  ArtifactsCommandTest() throws IOException {
    agent = new FakeAgent();
  }

  @AfterEach
  void stop() {
    agent.close();
  }

  private static String files(String... files) {
    return answer("", files);
  }

  private static String answer(String more, String... files) {
    return "{\"job_id\":\"%s\",\"state\":\"SUCCEEDED\",\"files\":[%s]%s}"
        .formatted(JOB, String.join(",", files), more);
  }

  private String file(String name, long bytes) {
    return "{\"name\":\"%s\",\"bytes\":%d,\"url\":\"%s/artifacts/x/data.zip?signature=s\"}"
        .formatted(name, bytes, agent.url());
  }

  /** Returns an answer about a file that was published as it is, with its manifest. */
  private String single(String name, long bytes, String sha256) {
    return answer(
        ",\"manifest\":{\"files\":[{\"path\":\"%s\",\"bytes\":%d,\"sha256\":\"%s\"}]}"
            .formatted(name, bytes, sha256),
        file(name, bytes));
  }

  private static String sha256(String content) throws NoSuchAlgorithmException {
    return HexFormat.of()
        .formatHex(MessageDigest.getInstance("SHA-256").digest(content.getBytes(UTF_8)));
  }

  private Outcome get() {
    return CommandRun.at(agent).run("artifacts", JOB, "--get", directory.resolve("new").toString());
  }

  @Test
  void filesAreListed() {
    agent.answers(
        ARTIFACTS, files(file("data.zip", 123_456_789), "{\"name\":\"x\\u001b\",\"url\":\"/x\"}"));

    assertThat(CommandRun.at(agent).run("artifacts", JOB).out().lines())
        .containsExactly(
            "NAME      SIZE      SHA-256", "data.zip  123.5 MB  -", "x?        -         -");
    assertThat(CommandRun.at(agent).run("artifacts", JOB, "--json").out())
        .startsWith("{\"job_id\":");
  }

  @Test
  void aJobWithoutArtifactsSaysWhy() {
    agent
        .answers(ARTIFACTS, "{\"state\":\"RUNNING\",\"files\":[]}")
        .answers(ARTIFACTS, "{\"state\":\"RUNNING\",\"files\":[]}")
        .answers(ARTIFACTS, "{\"state\":\"SUCCEEDED\",\"files\":[]}");

    Outcome listed = CommandRun.at(agent).run("artifacts", JOB);
    assertThat(listed.status()).isZero();
    assertThat(listed.err()).startsWith("The job is running, and has published nothing");
    assertThat(get().status()).isEqualTo(1);
    assertThat(get().err()).contains("left no files in its model directory");
  }

  @Test
  void theAgentsOwnReasonComesFirst() {
    agent.answers(
        ARTIFACTS, "{\"state\":\"SUCCEEDED\",\"files\":[],\"reason\":\"somebody removed them\"}");
    assertThat(get().err()).startsWith("gpurunner: somebody removed them");
  }

  @Test
  void filesAreFetchedAndChecked() throws Exception {
    agent.answers(ARTIFACTS, single("ds_model.bin", 7, sha256("content"))).answers(DATA, "content");

    Outcome outcome = get();

    Path fetched = directory.resolve("new/ds_model.bin");
    assertThat(outcome).isEqualTo(new Outcome(0, fetched + System.lineSeparator(), ""));
    assertThat(fetched).hasContent("content");
    assertThat(agent.requests().getLast().header("Authorization")).isEmpty();
  }

  @Test
  void aFileThatIsThereStaysIfItIsTheSame() throws Exception {
    agent.answers(ARTIFACTS, single("ds_model.bin", 7, sha256("content"))).answers(DATA, "content");
    Path file = Files.createDirectory(directory.resolve("new")).resolve("ds_model.bin");

    for (String other : new String[] {"Content", "content "}) {
      Files.writeString(file, other);
      Outcome refused = get();
      assertThat(refused.status()).isEqualTo(2);
      assertThat(refused.err()).contains("ds_model.bin is there already, and is not the file");
      assertThat(file).hasContent(other);
    }

    Files.writeString(file, "content");
    assertThat(get()).isEqualTo(new Outcome(0, file + System.lineSeparator(), ""));
    assertThat(agent.lines()).as("not fetched again").noneMatch(line -> line.startsWith(DATA));
  }

  /** The agent knows no SHA-256 of data.zip. */
  @Test
  void aFileWithoutASumIsFetchedToCompareIt() throws Exception {
    agent.answers(ARTIFACTS, files(file("data.zip", 7))).answers(DATA, "content");
    Path file = Files.createDirectory(directory.resolve("new")).resolve("data.zip");
    Files.writeString(file, "Content");

    assertThat(get().status()).isEqualTo(2);
    assertThat(file).hasContent("Content");

    Files.writeString(file, "content");
    assertThat(get()).isEqualTo(new Outcome(0, file + System.lineSeparator(), ""));
    assertThat(file).hasContent("content");
  }

  @Test
  void aDownloadThatBrokeIsTriedAgain() throws Exception {
    String hidden =
        "{\"name\":\".hidden\",\"bytes\":4,\"url\":\"%s/artifacts/x/h\"}".formatted(agent.url());
    agent
        .answers(ARTIFACTS, files(file("data.zip", 7), hidden))
        .answers(DATA, "content")
        .answers("GET /artifacts/x/h", "mor")
        .answers("GET /artifacts/x/h", "more");

    Outcome broken = get();
    Outcome again = get();

    assertThat(broken.status()).isEqualTo(1);
    Path there = directory.resolve("new");
    assertThat(again.status()).as(again.err()).isZero();
    assertThat(again.out().lines()).containsExactly(there + "/data.zip", there + "/.hidden");
    assertThat(there.resolve(".hidden")).hasContent("more");
  }

  @Test
  void whatIsNotWhatTheAgentSaysIsNotKept() throws Exception {
    agent
        .answers(ARTIFACTS, single("ds_model.bin", 8, sha256("content")))
        .answers(ARTIFACTS, single("ds_model.bin", 7, sha256("Content")))
        .answers(DATA, "content");

    Outcome size = get();
    Outcome sum = get();

    assertThat(size.status()).isEqualTo(1);
    assertThat(size.err()).contains("ds_model.bin: has 8 bytes, and 7 came");
    assertThat(sum.status()).isEqualTo(1);
    assertThat(sum.err()).contains("ds_model.bin: its SHA-256 is " + sha256("Content"));
    try (var left = Files.list(directory.resolve("new"))) {
      assertThat(left).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../data.zip",
        "/etc/passwd",
        "a/b",
        "..",
        ".",
        "",
        "a\\nb",
        "a\\u007fb",
        "a\\u009bb",
        "a\\u0000b",
        "a\\ud800b"
      })
  void aNameThatLeadsElsewhereIsRefused(String name) {
    agent.answers(ARTIFACTS, files(file("good", 7), file(name, 7)));

    assertThat(get().status()).isEqualTo(1);
    assertThat(get().err()).contains("no name for a file here");
    assertThat(directory.resolve("new")).doesNotExist();
  }

  /** Shells and programs read such files by themselves, for example in a home directory. */
  @Test
  void aHiddenFileIsFetchedOnlyIntoAnEmptyDirectory() throws Exception {
    agent.answers(ARTIFACTS, single(".bash_login", 7, sha256("content"))).answers(DATA, "content");
    Path home = Files.createDirectory(directory.resolve("new"));
    Path other = Files.createFile(home.resolve("other"));

    Outcome refused = get();
    assertThat(refused.status()).isEqualTo(2);
    assertThat(refused.err()).contains("a file is named .bash_login").contains("a new or empty");
    assertThat(home).isDirectoryContaining(other::equals).isDirectoryNotContaining("glob:.*");

    Files.delete(other);
    assertThat(get().status()).isZero();
    assertThat(home.resolve(".bash_login")).hasContent("content");
  }

  @Test
  void aNameThatIsALinkIsTaken() throws Exception {
    agent.answers(ARTIFACTS, single("model", 7, sha256("content"))).answers(DATA, "content");
    Path target = directory.resolve("elsewhere");
    Files.createSymbolicLink(
        Files.createDirectory(directory.resolve("new")).resolve("model"), target);

    assertThat(get().err()).contains("is there already");
    assertThat(target).doesNotExist();
  }

  @Test
  void aDirectoryThatCannotBeCreatedIsNamed() throws Exception {
    agent.answers(ARTIFACTS, files(file("data.zip", 7)));
    Path file = Files.createFile(directory.resolve("new"));

    Outcome outcome = get();

    assertThat(outcome.status()).isEqualTo(1);
    assertThat(outcome.err()).contains("--get: " + file + ": is there already and is not");
  }

  @Test
  void aUrlThatIsNoneIsNotPrinted() {
    agent.answers(ARTIFACTS, files("{\"name\":\"data.zip\",\"url\":\"http://x y?signature=s\"}"));

    assertThat(get().err()).contains("is no URL").doesNotContain("signature");
  }

  @Test
  void aUrlThatIsRefusedIsTold() {
    agent
        .answers(ARTIFACTS, files(file("data.zip", 7)))
        .answers(DATA, 403, "{\"message\":\"the link has expired\"}");

    assertThat(get().status()).isEqualTo(4);
    assertThat(get().err()).contains("403: the link has expired");
  }

  @Test
  void aStoreThatIsAwayIsNamed() {
    agent.answers(
        ARTIFACTS,
        files("{\"name\":\"data.zip\",\"url\":\"http://127.0.0.1:9/data.zip?signature=s\"}"));

    Outcome outcome = get();

    assertThat(outcome.status()).isEqualTo(3);
    assertThat(outcome.err()).contains("http://127.0.0.1:9;").doesNotContain("signature");
  }
}
