package io.gpurunner.agent.config;

import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The users who may mount an entry of a library: {@code datasets/patients = alice, bob}.
 *
 * @param library {@code datasets} or {@code models}
 * @param entry the entry's name in it
 */
public record LibraryGrant(String library, String entry, List<String> users) {
  static final String ACCEPTED =
      "an entry and the users who may mount it: datasets/NAME = USER, USER or models/NAME = USER";

  private static final Pattern FORM =
      Pattern.compile("(datasets|models)/([^./=][^/=]*(?:/[^./=][^/=]*)?) *= *(.+)");

  /**
   * @throws IllegalArgumentException for text of another form
   */
  static LibraryGrant parse(String text) {
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException();
    }
    List<String> users = Arrays.stream(matcher.group(3).split(",", -1)).map(String::strip).toList();
    if (users.contains("")) {
      throw new IllegalArgumentException();
    }
    return new LibraryGrant(matcher.group(1), matcher.group(2).strip(), users);
  }

  @Override
  public String toString() {
    return library + "/" + entry + " = " + String.join(", ", users);
  }
}
