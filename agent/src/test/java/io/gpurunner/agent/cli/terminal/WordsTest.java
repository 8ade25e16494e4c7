package io.gpurunner.agent.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests the words for times and sizes, and what is done to text from outside. */
final class WordsTest {
  @ParameterizedTest
  @CsvSource({
    "PT0S, 0 s, 0 s ago",
    "PT-3S, 0 s, 0 s ago",
    "PT59S, 59 s, 59 s ago",
    "PT3M, 3 m, 3 m ago",
    "PT3M12S, 3 m 12 s, 3 m ago",
    "PT59M59S, 59 m 59 s, 59 m ago",
    "PT2H5M7S, 2 h 5 m, 2 h ago",
    "PT49H, 2 d 1 h, 2 d ago"
  })
  void times(Duration time, String words, String ago) {
    assertThat(Ages.words(time)).isEqualTo(words);
    assertThat(Ages.ago(time)).isEqualTo(ago);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0 B",
    "999, 999 B",
    "1000, 1.0 kB",
    "123456789, 123.5 MB",
    "999960, 1.0 MB",
    "2100000000, 2.1 GB",
    "5000000000000000, 5000.0 TB"
  })
  void sizes(long bytes, String words) {
    assertThat(Sizes.words(bytes)).isEqualTo(words);
  }

  @Test
  void jsonMeansTheSameAndHoldsNoControlCharacter() {
    assertThat(Plain.json("{\"a\": \"\u009b31m\u202e用\uD83D\uDE00\"}\n"))
        .isEqualTo("{\"a\": \"\\u009b31m\\u202e用\uD83D\uDE00\"}\n");
  }
}
