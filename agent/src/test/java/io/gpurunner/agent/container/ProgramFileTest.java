package io.gpurunner.agent.container;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ProgramFileTest {
  private static final int X86_64 = 62;
  private static final int ARM_64 = 183;

  /** Returns a program for this machine's processor. */
  static ProgramFile.Binary own() {
    return new ProgramFile.Binary(
        System.getProperty("os.arch").equals("aarch64") ? ARM_64 : X86_64);
  }

  private static ProgramFile of(String head) {
    return ProgramFile.of(Optional.of(head.getBytes(ISO_8859_1)));
  }

  @ParameterizedTest
  @CsvSource({
    "'#!/bin/sh\necho\n', /bin/sh",
    "'#! \t/usr/bin/env python3\n', /usr/bin/env",
    "'#!/opt/python\t-u', /opt/python",
    "'#!', ''"
  })
  void theInterpreterOfAScriptIsRead(String head, String interpreter) {
    assertThat(of(head)).isEqualTo(new ProgramFile.Script(interpreter));
    assertThat(new ProgramFile.Script(interpreter).hasWindowsLineEnd()).isFalse();
  }

  @Test
  void aLineEndOfWindowsBelongsToTheInterpreter() {
    assertThat(of("#!/bin/sh\r\necho\r\n"))
        .isInstanceOfSatisfying(
            ProgramFile.Script.class, script -> assertThat(script.hasWindowsLineEnd()).isTrue());
  }

  @Test
  void theProcessorOfAProgramIsReadInItsOrderOfBytes() {
    String little = "\u007fELF\u0002\u0001\u0001" + "\0".repeat(9) + "\u0002\0";
    String big = "\u007fELF\u0002\u0002\u0001" + "\0".repeat(9) + "\0\u0002";
    assertThat(of(little + "\u00b7\0")).isEqualTo(new ProgramFile.Binary(ARM_64));
    assertThat(of(little + "\0\u0001")).isEqualTo(new ProgramFile.Binary(256));
    assertThat(of(big + "\0\u0016")).isEqualTo(new ProgramFile.Binary(22));
    assertThat(of(little + "\u00b7")).isEqualTo(new ProgramFile.Other());
  }

  @Test
  void everythingElseIsNoProgram() {
    assertThat(ProgramFile.of(Optional.empty())).isEqualTo(new ProgramFile.Absent());
    assertThat(of("")).isEqualTo(new ProgramFile.Other());
    assertThat(of("echo hi\n" + "x".repeat(20))).isEqualTo(new ProgramFile.Other());
  }

  @Test
  void onlyProgramsForOtherProcessorsAreForeign() {
    assertThat(own().isForeign()).isFalse();
    assertThat(new ProgramFile.Binary(22).isForeign()).isTrue();
    assertThat(ProgramFile.processor()).startsWith("linux/");
  }
}
