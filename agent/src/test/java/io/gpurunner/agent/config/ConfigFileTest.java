package io.gpurunner.agent.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests the errors of files that cannot be used. */
final class ConfigFileTest {
  @TempDir private Path directory;

  @Test
  void allErrorsAtOnceInTheOrderOfTheFile() {
    List<String> errors =
        errors(
            """
            state-dir: var/lib
            http:
              prot: 80
              port: 80000
              host: [a]
            colour: red
            jobs:
              grace-period: 30
              max-volume: 5 apples
            store: { type: s3 }
            callbacks: { allow: [10.0.0.0/33, ok.example.org, 300.1.2.3] }
            """);
    assertThat(errors)
        .containsExactly(
            "f:1: state-dir: was \"var/lib\"; accepted: an absolute path other than /",
            "f:3: http.prot: unknown key; did you mean http.port?",
            "f:4: http.port: was \"80000\"; accepted: a whole number from 1 to 65535",
            "f:5: http.host: was a list; accepted: an IP address or a host name",
            "f:6: colour: unknown key; accepted: state-dir, http, auth, gpu, docker, images, jobs,"
                + " limits, volumes, library, tls, store, callbacks, metrics",
            "f:8: jobs.grace-period: was \"30\"; accepted: a whole number with s, m, h or d (30s,"
                + " 5m, 2h, 7d), from 0s to 1d",
            "f:9: jobs.max-volume: was \"5 apples\"; accepted: a whole number with KB, MB, GB, TB"
                + " (powers of 1000) or KiB, MiB, GiB, TiB (powers of 1024), at least 1MB and at"
                + " most 1000000TB",
            "f:11: callbacks.allow[0]: was \"10.0.0.0/33\"; accepted: an IP address, a network such"
                + " as 10.0.0.0/8 or fd00::/8, or a host name",
            "f:11: callbacks.allow[2]: was \"300.1.2.3\"; accepted: an IP address, a network such"
                + " as 10.0.0.0/8 or fd00::/8, or a host name",
            "f: store.s3.bucket: is missing, but store.type is s3; accepted: a bucket name of 3 to"
                + " 63 letters, digits, single dots, dashes and underscores, which is no IP address",
            "f: store.s3.access-key-file: is missing, but store.type is s3; accepted: the path of a"
                + " file",
            "f: store.s3.secret-key-file: is missing, but store.type is s3; accepted: the path of a"
                + " file");
  }

  @ParameterizedTest
  @CsvSource({
    "'state_dir: /x',state-dir",
    "'stateDir: /x',state-dir",
    "'port: 80',http.port",
    "'bucket: b',store.s3.bucket",
    "'store: {url-expiri: 1d}',store.url-expiry",
    "'store: {s3: {acces-key-file: /x}}',store.s3.access-key-file",
    "'Docker: {}',docker",
  })
  void nearMissesAreSuggested(String yaml, String meant) {
    assertThat(errors(yaml)).singleElement().asString().endsWith("did you mean " + meant + "?");
  }

  @Test
  void keysGivenTwice() {
    assertThat(errors("http:\n  port: 80\n  port: 81\n"))
        .containsExactly("f:3: http.port: is given twice, first in line 2; keep one of them");
  }

  @Test
  void wrongKinds() {
    assertThat(errors("http: 80\ngpu: [a]\nstate-dir: {a: b}\ndocker: {host: {}}\n"))
        .containsExactly(
            "f:1: http: was a single value; accepted: a section: keys below it, indented, or { key:"
                + " value, … }",
            "f:2: gpu: was a list; accepted: a section: keys below it, indented, or { key: value, …"
                + " }",
            "f:3: state-dir: was a section; accepted: an absolute path other than /",
            "f:4: docker.host: was a section; accepted: unix:///path/to/docker.sock or"
                + " tcp://host:port");
    assertThat(errors("- a\n"))
        .containsExactly("f:1: the file must hold keys and values (key: value)");
    assertThat(errors("gpu: {simulated: one}"))
        .singleElement()
        .asString()
        .startsWith("f:1: gpu.simulated: was a single value; accepted: a list of which each is");
    assertThat(errors("? [a, b]\n: c\n")).containsExactly("f:1: ?: a key must be a plain word");
  }

  @Test
  void listsWhoseKeysTheFileChooses() {
    assertThat(errors("images:\n  credentials: [ann]\n"))
        .singleElement()
        .asString()
        .startsWith("f:2: images.credentials: was a list; accepted: keys, each a registry");
    assertThat(errors("images:\n  credentials:\n    a b: [ann]\n    c: ann\n    d: [' ann']\n"))
        .satisfiesExactly(
            key -> assertThat(key).startsWith("f:3: images.credentials: was \"a b\"; accepted: a"),
            list -> assertThat(list).startsWith("f:4: images.credentials: was a single value"),
            user -> assertThat(user).startsWith("f:5: images.credentials[0]: was \" ann\""));
    assertThat(errors("images: { registries: ['http://a'] }"))
        .singleElement()
        .asString()
        .startsWith("f:1: images.registries[0]: was \"http://a\"; accepted: a registry as images");
  }

  @Test
  void keysThatDemandOthers() {
    assertThat(errors("gpu: {provider: simulated}"))
        .singleElement()
        .asString()
        .contains("names no GPU");
    assertThat(errors("http: {tls: {certificate: " + directory + "}}"))
        .containsExactly(
            "f: http.tls.key: is missing, but http.tls.certificate is set; give both or neither");
    assertThat(errors("http: {tls: {key: /no/such/file}}"))
        .containsExactly(
            "f:1: http.tls.key: no such file: /no/such/file",
            "f: http.tls.certificate: is missing, but http.tls.key is set; give both or neither");
    assertThat(
            errors(
                "store: {type: s3, url-expiry: 8d, s3: {bucket: abc, access-key-file: %s,"
                        .formatted(directory)
                    + " secret-key-file: relative}}"))
        .containsExactly(
            "f:1: store.url-expiry: was 8d; accepted: at most 7d with store.type s3, the limit of S3"
                + " signatures",
            "f:1: store.s3.secret-key-file: was \"relative\"; accepted: an absolute path other than"
                + " /");
    assertThat(ConfigFile.parse("f", "store: {url-expiry: 8d}").store().urlExpiry())
        .isEqualTo(Duration.ofDays(8));
  }

  static Stream<Arguments> bucketsThatCannotWork() {
    return Stream.of(
        Arguments.of(
            "bucket: models, endpoint: 'https://models.s3.lab:9000'",
            "f:1: store.s3.endpoint: was \"https://models.s3.lab:9000\", which names the bucket models"
                + " too; accepted: \"https://s3.lab:9000\" with path-style: false"),
        Arguments.of(
            "bucket: models, endpoint: 'http://s3.lab/models'",
            "f:1: store.s3.endpoint: was \"http://s3.lab/models\", which names the bucket models too;"
                + " accepted: \"http://s3.lab\""),
        Arguments.of(
            "bucket: models, endpoint: 'http://s3.lab:443'",
            "f:1: store.s3.endpoint: was \"http://s3.lab:443\", but port 443 is that of https; correct the"
                + " port, or write https://"),
        Arguments.of(
            "bucket: models, endpoint: 'https://s3.lab:80'",
            "f:1: store.s3.endpoint: was \"https://s3.lab:80\", but port 80 is that of http; correct the"
                + " port, or write http://"),
        Arguments.of(
            "bucket: models, endpoint: 'https://oss-cn-beijing.aliyuncs.com'",
            "f: store.s3.path-style: is true, which oss-cn-beijing.aliyuncs.com does not support;"
                + " accepted: false"),
        Arguments.of(
            "bucket: models, endpoint: 'https://s3.eu-west-1.amazonaws.com'",
            "f: store.s3.region: is us-east-1, but s3.eu-west-1.amazonaws.com is the host of the"
                + " region eu-west-1; correct store.s3.region or store.s3.endpoint"),
        Arguments.of(
            "bucket: models, region: cn-north-1, endpoint: 'https://s3.cn-northwest-1.amazonaws.com.cn'",
            "f:1: store.s3.region: is cn-north-1, but s3.cn-northwest-1.amazonaws.com.cn is the host"
                + " of the region cn-northwest-1; correct store.s3.region or store.s3.endpoint"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", "a..b", "10.0.0.3", "-ab", "a b"})
  void whatNoBucketIsCalled(String name) {
    assertThat(errors(s3("bucket: '%s'".formatted(name))))
        .containsExactly(
            ("f:1: store.s3.bucket: was \"%s\"; accepted: a bucket name of 3 to 63 letters, digits,"
                    + " single dots, dashes and underscores, which is no IP address")
                .formatted(name));
  }

  @ParameterizedTest
  @MethodSource("bucketsThatCannotWork")
  void aBucketThatCannotWorkIsNamedWithItsKey(String keys, String error) {
    assertThat(errors(s3(keys))).containsExactly(error);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "bucket: models",
        "bucket: My_Models, endpoint: 'http://s3.lab'",
        "bucket: my_models",
        "bucket: minio, endpoint: 'https://minio.lab:9000'",
        "bucket: storage, endpoint: 'https://storage.googleapis.com'",
        "bucket: models, endpoint: 'http://10.0.0.3:9000', path-style: false",
        "bucket: models, endpoint: 'http://10.0.0.3:9000'",
        "bucket: models, endpoint: 'http://s3.lab:9000/gateway'",
        "bucket: models, endpoint: 'https://s3.lab', path-style: false",
        "bucket: models, endpoint: 'https://oss-cn-beijing.aliyuncs.com', path-style: false",
        "bucket: models, region: eu-west-1, endpoint: 'https://s3.dualstack.eu-west-1.amazonaws.com'",
        "bucket: models, region: us-gov-west-1, endpoint: 'https://s3-us-gov-west-1.amazonaws.com'"
      })
  void bucketsThatCanWork(String keys) {
    assertThat(ConfigFile.parse("f", s3(keys)).store().s3().bucket()).isPresent();
  }

  private String s3(String keys) {
    return "store: {type: s3, s3: {%s, access-key-file: %s, secret-key-file: %s}}"
        .formatted(keys, directory, directory);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "https://proxy.lab:3128",
        "http://proxy.lab",
        "http://proxy.lab:65536",
        "http://me:word@proxy.lab:3128",
        "http://proxy.lab:3128/x",
        "proxy.lab:3128"
      })
  void whatIsNoProxy(String url) {
    String yaml = "store: {s3: {proxy: '%s'}}\ncallbacks: {proxy: '%s'}".formatted(url, url);
    String accepted =
        ": was \"%s\"; accepted: the URL of an HTTP proxy, of the form http://host:port, without user and password"
            .formatted(url);
    assertThat(errors(yaml))
        .containsExactly("f:1: store.s3.proxy" + accepted, "f:2: callbacks.proxy" + accepted);
  }

  /** An unknown key is fatal in every section of the file. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "%s",
        "http: {%s}",
        "http: {tls: {certificate: /etc/hosts, key: /etc/hosts, %s}}",
        "auth: {%s}",
        "gpu: {%s}",
        "docker: {%s}",
        "jobs: {%s}",
        "volumes: {%s}",
        "library: {%s}",
        "tls: {%s}",
        "store: {%s}",
        "store: {s3: {%s}}",
        "callbacks: {%s}"
      })
  void noSectionTakesAnUnknownKey(String yaml) {
    assertThat(errors(yaml.formatted("zzzzzzzz: 1")))
        .singleElement()
        .asString()
        .contains("zzzzzzzz: unknown key; accepted: ");
  }

  @ParameterizedTest
  @CsvSource({
    "ab,ab,0",
    "ab,ba,1",
    "abc,acb,1",
    "a,'',1",
    "'',abcd,4",
    "kitten,sitting,3",
    "port,prot,1",
    "abcd,badc,2",
    "host,hosts,1",
    "ca,abc,3"
  })
  void lettersThatDiffer(String left, String right, int distance) {
    assertThat(Findings.distance(left, right)).isEqualTo(distance);
    assertThat(Findings.distance(right, left)).isEqualTo(distance);
  }

  @Test
  void theLargestThatIsAcceptedIs() throws IOException {
    ValueForm<Integer> number = ValueForms.wholeNumber(3, 5);
    assertThat(number.reader().read("3")).isEqualTo(3);
    assertThat(number.reader().read("5")).isEqualTo(5);
    assertThat(catchThrowable(() -> number.reader().read("2")))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(catchThrowable(() -> number.reader().read("6")))
        .isInstanceOf(IllegalArgumentException.class);
    Path full = Files.writeString(directory.resolve("full.yaml"), "#".repeat(262_144));
    assertThat(ConfigFile.load(full)).isEqualTo(AgentConfig.defaults());
    String deep = "gpu: {simulated: " + "[".repeat(14) + "]".repeat(14) + "}";
    assertThat(errors(deep)).singleElement().asString().doesNotContain("nested deeper");
    assertThat(errors("gpu: {simulated: [" + "'?', ".repeat(100) + "]}"))
        .hasSize(100)
        .noneMatch(error -> error.contains("more errors"));
    assertThat(Section.shown("x".repeat(80))).isEqualTo("x".repeat(80));
    assertThat(Section.shown("x".repeat(81))).isEqualTo("x".repeat(80) + "…");
  }

  @ParameterizedTest
  @CsvSource({
    "0,0s",
    "1,1s",
    "59,59s",
    "60,1m",
    "90,90s",
    "3600,1h",
    "5400,90m",
    "86400,1d",
    "90000,25h"
  })
  void durationsAreWrittenInTheLargestUnitThatKeepsThemWhole(long seconds, String written) {
    assertThat(ValueForms.write(Duration.ofSeconds(seconds))).isEqualTo(written);
  }

  @ParameterizedTest
  @CsvSource({
    "1,1MB",
    "999,999MB",
    "1000,1GB",
    "1500,1500MB",
    "1000000,1TB",
    "1500000,1500GB",
    "3000000,3TB"
  })
  void sizesAreWrittenInTheLargestUnitThatKeepsThemWhole(long megabytes, String written) {
    assertThat(ValueForms.writeMegabytes(megabytes)).isEqualTo(written);
  }

  @Test
  void valuesAreShownHarmlessAndShort() {
    assertThat(errors("http: {port: \"1\\e[31m\\n" + "9".repeat(500) + "\"}"))
        .singleElement()
        .asString()
        .hasSizeLessThan(250)
        .doesNotContain("\u001b", "\n")
        .contains("…");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "# only a comment\n", "---\n", "~", "{}", "http:\ngpu: {}\nstore: {s3: }\n"})
  void nothingSaidIsTheDefaults(String yaml) {
    assertThat(ConfigFile.parse("f", yaml)).isEqualTo(AgentConfig.defaults());
  }

  @Test
  void malformedYamlNamesItsLine() {
    assertThat(errors("http:\n  port: 80\n host: x\n"))
        .singleElement()
        .asString()
        .startsWith("f:3: not valid YAML: ");
    assertThat(errors("a: *nowhere\n"))
        .singleElement()
        .asString()
        .startsWith("f:1: not valid YAML: ");
    assertThat(errors("a: 1\n---\nb: 2\n")).singleElement().asString().contains("not valid YAML");
    assertThat(errors("a: \u0000\n")).singleElement().asString().contains("not valid YAML");
  }

  @Test
  void nestingIsBounded() {
    assertThat(errors("a: " + "[".repeat(100_000)))
        .singleElement()
        .asString()
        .contains("nested deeper than 16");
    assertThat(errors("a: " + "{a: ".repeat(50_000)))
        .singleElement()
        .asString()
        .contains("nested deeper than 16");
  }

  @Test
  void aliasesDoNotMultiply() {
    StringBuilder bomb = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int level = 1; level < 12; level++) {
      bomb.append("a%d: &a%d [".formatted(level, level));
      bomb.append(("*a" + (level - 1) + ", ").repeat(9))
          .append("*a")
          .append(level - 1)
          .append("]\n");
    }
    bomb.append("gpu: {simulated: *a11}\n");
    assertThat(errors(bomb.toString())).singleElement().asString().contains("Number of aliases");
    assertThat(errors("gpu: &g {simulated: [*g]}")).isNotEmpty();
    assertThat(
            ConfigFile.parse("f", "state-dir: &d /x\nlibrary: {models: *d}\n").library().models())
        .isEqualTo(Path.of("/x"));
  }

  @Test
  void manyErrorsAreCounted() {
    String yaml = "gpu: {simulated: [" + "'?', ".repeat(500) + "]}";
    assertThat(errors(yaml)).hasSize(101).last().isEqualTo("f: and 400 more errors");
    assertThat(
            ConfigFile.parse("f", "gpu: {simulated: [" + "A, ".repeat(256) + "]}")
                .gpu()
                .simulated())
        .hasSize(256);
    assertThat(errors("gpu: {simulated: [" + "A, ".repeat(257) + "]}"))
        .containsExactly("f:1: gpu.simulated: names 257 GPUs; accepted: at most 256");
    String longList = "gpu: {simulated: [" + "A, ".repeat(1100) + "]}";
    assertThat(errors(longList))
        .singleElement()
        .asString()
        .contains("more entries than the 1024 accepted");
  }

  @ParameterizedTest
  @CsvSource({
    "500MB,500",
    "1TB,1000000",
    "1MiB,1",
    "1000KB,1",
    "2 GB,2000",
    "1GiB,1073",
    "1TiB,1099511",
    "1000000TB,1000000000000"
  })
  void sizes(String text, long megabytes) {
    assertThat(
            ConfigFile.parse("f", "jobs: {max-volume: " + text + "}").jobs().maxVolumeMegabytes())
        .isEqualTo(megabytes);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0MB",
        "999KB",
        "1mb",
        "1",
        "-1GB",
        "1.5GB",
        "1000001TB",
        "999999999999999TB",
        "1PB",
        "''"
      })
  void badSizes(String text) {
    assertThat(errors("jobs: {max-volume: " + text + "}")).hasSize(1);
  }

  @ParameterizedTest
  @CsvSource({"0s,0", "30s,30", "5m,300", "2h,7200", "1d,86400"})
  void durations(String text, long seconds) {
    assertThat(ConfigFile.parse("f", "jobs: {grace-period: " + text + "}").jobs().gracePeriod())
        .isEqualTo(Duration.ofSeconds(seconds));
  }

  @ParameterizedTest
  @ValueSource(strings = {"2d", "30", "-1s", "1w", "1.5h", "30 s", "9999999999s", "PT30S"})
  void badDurations(String text) {
    assertThat(errors("jobs: {grace-period: " + text + "}")).hasSize(1);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "http: {public-url: ftp://x}",
        "http: {public-url: http://}",
        "http: {public-url: 'http://u:p@x'}",
        "http: {public-url: 'http://x?a=b'}",
        "http: {public-url: 'http://a b'}",
        "http: {host: 'a b'}",
        "http: {host: ''}",
        "http: {host: '192.0.2.1:80'}",
        "http: {host: ':::'}",
        "docker: {host: /var/run/docker.sock}",
        "docker: {host: 'unix://var/run/docker.sock'}",
        "docker: {host: 'tcp://host'}",
        "gpu: {provider: AUTO}",
        "store: {s3: {bucket: ab}}",
        "store: {s3: {path-style: yes}}",
        "store: {s3: {region: 'eu 1'}}",
        "state-dir: /",
        "state-dir: '/a/..'",
        "library: {models: \"/a\\0b\"}",
      })
  void badValues(String yaml) {
    assertThat(errors(yaml)).singleElement().asString().contains("; accepted: ");
  }

  @Test
  void filesThatCannotBeRead() throws IOException {
    Path absent = directory.resolve("absent.yaml");
    assertThat(errors(absent))
        .containsExactly(
            absent + ": no such file; create it (an empty file is valid) or name another");
    assertThat(ConfigFile.readOrDefaults(Optional.empty(), absent).config())
        .isEqualTo(AgentConfig.defaults());
    Path binary = Files.write(directory.resolve("binary.yaml"), new byte[] {(byte) 0xc3, 0x28});
    assertThat(errors(binary)).containsExactly(binary + ": is not UTF-8 text");
    Path large = Files.writeString(directory.resolve("large.yaml"), "#".repeat(300_000));
    assertThat(errors(large)).containsExactly(large + ": is larger than the 262144 bytes accepted");
    assertThat(errors(directory)).singleElement().asString().contains("cannot be read");
    Path good = Files.writeString(directory.resolve("good.yaml"), "state-dir: /srv/x\n");
    assertThat(ConfigFile.load(good).stateDir()).isEqualTo(Path.of("/srv/x"));
    assertThat(ConfigFile.readOrDefaults(Optional.of(good)).config().stateDir())
        .isEqualTo(Path.of("/srv/x"));
  }

  private static List<String> errors(String yaml) {
    ConfigException wrong =
        catchThrowableOfType(ConfigException.class, () -> ConfigFile.parse("f", yaml));
    assertThat(wrong).isNotNull();
    return wrong.errors();
  }

  private static List<String> errors(Path file) {
    ConfigException wrong =
        catchThrowableOfType(ConfigException.class, () -> ConfigFile.load(file));
    assertThat(wrong).isNotNull();
    return wrong.errors();
  }
}
