package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Names are given by their bytes, because a job in a container may write any. */
class ArtifactNamesTest {
  @TempDir Path directory;

  /** Creates a file with that name, and returns its path as a directory stream gives it. */
  private Path named(String hexBytes) throws Exception {
    StringBuilder octal = new StringBuilder();
    for (byte one : HexFormat.of().parseHex(hexBytes)) {
      octal.append("\\0").append(Integer.toOctalString(one & 0xff));
    }
    // The x follows a line feed at the end, which the shell would drop otherwise.
    HostileTree.shell(directory, "name=$(printf '%b' '" + octal + "x'); : > \"./${name%x}\"");
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
      return files.iterator().next().getFileName();
    }
  }

  @ParameterizedTest
  @CsvSource({
    // One byte: printable and not printable.
    "61, a",
    "2d, -",
    "20, ' '",
    "25, %",
    "253431, %41",
    "7e, ~",
    "7f, %7F",
    "01, %01",
    "1f, %1F",
    "0a, %0A",
    "610a, a%0A",
    "5c, %5C",
    "615c62, a%5Cb",
    // A drive, which counts only at the front.
    "433a78, C%3Ax",
    "7a3a, z%3A",
    "43433a78, CC:x",
    "313a78, 1:x",
    "3a, :",
    // Two bytes: from U+0080, a control character, to U+07FF.
    "c280, %C2%80",
    "c2a0, \u00a0",
    "c3a9, é",
    "dfbf, \u07ff",
    "c3, %C3",
    "c361, %C3a",
    "61c3, a%C3",
    "c0af, %C0%AF",
    "c1bf, %C1%BF",
    "80, %80",
    "bf61, %BFa",
    // Three bytes: from U+0800 to U+FFFF without the surrogates.
    "e0a080, \u0800",
    "e282ac, €",
    "efbfbd, \ufffd",
    "e282, %E2%82",
    "61e282, a%E2%82",
    "e28261, %E2%82a",
    "e09fbf, %E0%9F%BF",
    "eda080, %ED%A0%80",
    "edbfbf, %ED%BF%BF",
    "e2808e, %E2%80%8E",
    "e280ae, %E2%80%AE",
    "e280a8, %E2%80%A8",
    "e280a9, %E2%80%A9",
    "c2ad, %C2%AD",
    "efbbbf, %EF%BB%BF",
    // Four bytes: from U+10000 to U+10FFFF.
    "f0908080, \ud800\udc00",
    "f09f9880, \ud83d\ude00",
    "f09f98, %F0%9F%98",
    "f48fbfbf, \udbff\udfff",
    "f4908080, %F4%90%80%80",
    "f5808080, %F5%80%80%80",
    "ff, %FF",
    "f3a08081, %F3%A0%80%81",
    // Several characters in a row are judged one by one.
    "c3a9ffc3a9, é%FFé",
    "e282ace282, €%E2%82",
  })
  void whatIsNotSafeIsWrittenByteByByte(String hexBytes, String expected) throws Exception {
    Path name = named(hexBytes);

    assertThat(ArtifactNames.readable(name)).isEqualTo(expected);
    assertThat(ArtifactNames.isPlain(name))
        .isEqualTo(!expected.contains("%") || expected.equals("%") || expected.equals("%41"));
  }

  @Test
  void aPathKeepsItsSlashes() {
    assertThat(ArtifactNames.readable(Path.of("a/b/c.bin"))).isEqualTo("a/b/c.bin");
    assertThat(ArtifactNames.readable(Path.of("a/b\\c"))).isEqualTo("a/b%5Cc");
    assertThat(ArtifactNames.readable(Path.of("C:/x"))).isEqualTo("C%3A/x");
    assertThat(ArtifactNames.readable(Path.of("a/C:x"))).isEqualTo("a/C:x");
  }

  @Test
  void aPlainNameHasAtMost255Bytes() {
    assertThat(ArtifactNames.isPlain(Path.of("a".repeat(255)))).isTrue();
    assertThat(ArtifactNames.isPlain(Path.of("a".repeat(256)))).isFalse();
  }
}
