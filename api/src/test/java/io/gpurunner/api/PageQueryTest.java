package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.MultiMap;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class PageQueryTest {
  private static final int ABSENT = 7;
  private static final int MAX = 100;

  private final List<FieldError> wrong = new ArrayList<>();

  private int number(MultiMap query) {
    return PageQuery.number(query, "size", ABSENT, MAX, wrong);
  }

  @ParameterizedTest
  @CsvSource({"1,1", "2,2", "99,99", "100,100", "007,7"})
  void readsANumberUpToTheLargest(String text, int expected) {
    assertThat(number(MultiMap.caseInsensitiveMultiMap().add("size", text))).isEqualTo(expected);
    assertThat(wrong).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"1,1", "100,100", "101,100", "999999999,100", "1000000000,100", "2147483648,100"})
  void aLargerNumberMayCountAsTheLargest(String text, int expected) {
    MultiMap query = MultiMap.caseInsensitiveMultiMap().add("size", text);
    assertThat(PageQuery.atMost(query, "size", ABSENT, MAX, wrong)).isEqualTo(expected);
    assertThat(wrong).isEmpty();
  }

  @Test
  void takesTheUsualNumberWhereNoneWasSent() {
    assertThat(number(MultiMap.caseInsensitiveMultiMap().add("current", "3"))).isEqualTo(ABSENT);
    assertThat(wrong).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "101", "-1", "+1", "1.0", "", " 1", "x", "1000000000", "９"})
  void saysWhatIsWrongWithAnyOther(String text) {
    assertThat(number(MultiMap.caseInsensitiveMultiMap().add("size", text))).isEqualTo(ABSENT);
    assertThat(wrong)
        .containsExactly(
            new FieldError(
                "size", "must be one whole number from 1 to 100, was " + Shown.quoted(text)));
  }

  @Test
  void takesNoneOfTwoNumbers() {
    assertThat(number(MultiMap.caseInsensitiveMultiMap().add("size", "1").add("size", "2")))
        .isEqualTo(ABSENT);
    assertThat(wrong).hasSize(1);
  }
}
