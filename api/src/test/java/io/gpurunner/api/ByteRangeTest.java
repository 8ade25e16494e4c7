package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ByteRangeTest {
  @ParameterizedTest
  @CsvSource({
    "bytes=0-0,0,1",
    "bytes=0-99,0,100",
    "bytes=0-999,0,100",
    "bytes=99-,99,1",
    "bytes=10-19,10,10",
    "bytes=-1,99,1",
    "bytes=-100,0,100",
    "bytes=-999,0,100",
    "Bytes=5-5,5,1",
    "bytes=0-999999999999999999,0,100"
  })
  void readsOneRange(String header, long first, long length) {
    assertThat(ByteRange.of(Optional.of(header), 100)).isEqualTo(new ByteRange.Part(first, length));
  }

  @Test
  void knowsTheLastByteOfAPart() {
    assertThat(new ByteRange.Part(10, 1).last()).isEqualTo(10);
    assertThat(new ByteRange.Part(10, 5).last()).isEqualTo(14);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5-4",
        "bytes=a-b",
        "bytes=0-1,3-4",
        "bytes= 0-1",
        "lines=0-1",
        "bytes=0-1x",
        "bytes=+0-1",
        "bytes=0-99999999999999999999"
      })
  void ignoresWhatItDoesNotKnow(String header) {
    assertThat(ByteRange.of(Optional.of(header), 100)).isEqualTo(new ByteRange.Whole());
  }

  @ParameterizedTest
  @ValueSource(strings = {"bytes=100-", "bytes=100-200", "bytes=-0"})
  void refusesRangesOutsideTheFile(String header) {
    assertThat(ByteRange.of(Optional.of(header), 100)).isEqualTo(new ByteRange.Unsatisfiable());
  }

  @Test
  void hasNoRangeOfAnEmptyFile() {
    assertThat(ByteRange.of(Optional.of("bytes=0-"), 0)).isEqualTo(new ByteRange.Unsatisfiable());
    assertThat(ByteRange.of(Optional.of("bytes=-5"), 0)).isEqualTo(new ByteRange.Unsatisfiable());
    assertThat(ByteRange.of(Optional.empty(), 0)).isEqualTo(new ByteRange.Whole());
  }
}
