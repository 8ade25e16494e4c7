package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ZipContentTest {
  private static final long PLENTY = Long.MAX_VALUE;

  private static final long FIVE_GIB = 5L << 30;

  @TempDir Path directory;

  private static byte[] all(ArtifactContent content) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    content.writeTo(out);
    return out.toByteArray();
  }

  @Test
  void readsTheSameFromEveryOffset() throws Exception {
    Random random = new Random(1);
    for (int size : new int[] {0, 1, 0, 0, 70, MeasuredBlocks.BLOCK_BYTES, 2_300_000, 0}) {
      byte[] bytes = new byte[size];
      random.nextBytes(bytes);
      Files.write(directory.resolve("f" + random.nextInt(1 << 30)), bytes);
    }
    ZipContent zip =
        new ZipContent(
            ModelDirectory.measure(
                    new ModelSource(directory, Path.of("/m"), directory, Path.of("/c")),
                    PLENTY,
                    Cancellation.NEVER)
                .entries());
    byte[] whole = all(zip);
    assertThat(whole).hasSize(Math.toIntExact(zip.lengthBytes()));

    for (int i = 0; i < 300; i++) {
      int offset = i < 250 ? i * 3 : random.nextInt(whole.length + 1);
      int length = Math.min(random.nextInt(2_000), whole.length - offset);
      try (InputStream in = zip.open(offset)) {
        assertThat(in.readNBytes(length))
            .as("offset " + offset)
            .isEqualTo(Arrays.copyOfRange(whole, offset, offset + length));
      }
    }
    try (InputStream in = zip.open(whole.length)) {
      assertThat(in.read()).isEqualTo(-1);
    }
  }

  private ZipEntry imagined(String name, long bytes) {
    return new ModelFile(
        directory,
        Path.of(name),
        Optional.empty(),
        Path.of(name),
        false,
        1,
        bytes,
        Instant.EPOCH,
        "",
        0x12345678,
        new Fingerprints());
  }

  /**
   * Archives of this size take long, so only their records are read, at the places they must have.
   */
  @Test
  void usesZip64WhereANumberNeedsIt() throws Exception {
    ZipContent zip = new ZipContent(List.of(imagined("large", FIVE_GIB), imagined("far", 1)));
    long farHeader = 30 + 5 + 20 + FIVE_GIB;
    long centralDirectory = farHeader + 30 + 3 + 1;
    long end = centralDirectory + (46 + 5 + 20) + (46 + 3 + 12);
    assertThat(zip.lengthBytes()).isEqualTo(end + 56 + 20 + 22);

    byte[] tail;
    try (InputStream in = zip.open(centralDirectory)) {
      tail = in.readAllBytes();
    }
    ByteBuffer read = ByteBuffer.wrap(tail).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(read.getInt(0)).isEqualTo(0x02014b50);
    assertThat(read.getInt(20)).isEqualTo(-1);
    assertThat(read.getShort(46 + 5)).isEqualTo((short) 1);
    assertThat(read.getLong(46 + 5 + 4)).isEqualTo(FIVE_GIB);
    int second = 46 + 5 + 20;
    assertThat(read.getInt(second + 20)).isEqualTo(1);
    assertThat(read.getInt(second + 42)).isEqualTo(-1);
    assertThat(read.getLong(second + 46 + 3 + 4)).isEqualTo(farHeader);
    int endRecord = (int) (end - centralDirectory);
    assertThat(read.getInt(endRecord)).isEqualTo(0x06064b50);
    assertThat(read.getLong(endRecord + 48)).isEqualTo(centralDirectory);
    assertThat(read.getLong(endRecord + 56 + 8)).isEqualTo(end);
  }

  @Test
  void staysPlainUpToTheLastNumberThatFits() {
    ZipContent zip = new ZipContent(List.of(imagined("a", 0xffff_fffeL)));

    // The central directory begins beyond 4 GiB, so the end record is zip64. The entry is not.
    assertThat(zip.lengthBytes()).isEqualTo(31 + 0xffff_fffeL + 47 + 56 + 20 + 22);
  }
}
