package io.gpurunner.storage;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.List;

/**
 * A zip archive of a model directory that exists nowhere as a whole: any range of it is made when
 * it is read. Entries are stored as they are, with size and CRC in front of the data
 * (java.util.zip's ZipInputStream refuses stored entries with these after the data). So the
 * archive's length and layout are known before it is made.
 *
 * <p>The layout is the local header and data of each entry, the central directory, and the end
 * record; zip64 if a number needs it.
 */
final class ZipContent implements ArtifactContent {
  private final List<ZipEntry> entries;

  /**
   * The start of each segment: header and data of entry i at 2i and 2i + 1, then the central
   * directory's record of each entry, then the end record, and last the whole length.
   */
  private final long[] starts;

  ZipContent(List<ZipEntry> entries) {
    this.entries = List.copyOf(entries);
    int count = entries.size();
    starts = new long[3 * count + 2];
    for (int i = 0; i < count; i++) {
      ZipEntry entry = entries.get(i);
      starts[2 * i + 1] = starts[2 * i] + ZipRecords.localHeader(entry).length;
      starts[2 * i + 2] = starts[2 * i + 1] + entry.bytes();
    }
    for (int i = 0; i < count; i++) {
      int segment = 2 * count + i;
      starts[segment + 1] =
          starts[segment] + ZipRecords.centralHeader(entries.get(i), starts[2 * i]).length;
    }
    starts[3 * count + 1] = starts[3 * count] + end().length;
  }

  @Override
  public long lengthBytes() {
    return starts[starts.length - 1];
  }

  @Override
  public String mediaType() {
    return "application/zip";
  }

  @Override
  public InputStream open(long offset) {
    return new Reader(offset);
  }

  private byte[] end() {
    int count = entries.size();
    return ZipRecords.end(count, starts[2 * count], starts[3 * count]);
  }

  private InputStream openSegment(int segment, long offset) throws IOException {
    int count = entries.size();
    if (segment < 2 * count && segment % 2 == 1) {
      return entries.get(segment / 2).open(offset);
    }
    byte[] record;
    if (segment < 2 * count) {
      record = ZipRecords.localHeader(entries.get(segment / 2));
    } else if (segment < 3 * count) {
      int entry = segment - 2 * count;
      record = ZipRecords.centralHeader(entries.get(entry), starts[2 * entry]);
    } else {
      record = end();
    }
    int from = Math.toIntExact(offset);
    return new ByteArrayInputStream(record, from, record.length - from);
  }

  private final class Reader extends InputStream {
    private long position;
    private int segment;
    private InputStream current = InputStream.nullInputStream();

    Reader(long offset) {
      position = offset;
      int found = Arrays.binarySearch(starts, offset);
      // The segment before the one that holds the offset. Reading goes on from there, over empty
      // files.
      segment = (found >= 0 ? found : -found - 2) - 1;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
      if (length == 0) {
        return 0;
      }
      int read = current.read(buffer, offset, length);
      while (read < 0) {
        current.close();
        current = InputStream.nullInputStream();
        if (segment + 2 >= starts.length) {
          return -1;
        }
        segment++;
        if (position < starts[segment + 1]) {
          current = openSegment(segment, position - starts[segment]);
        }
        read = current.read(buffer, offset, length);
      }
      position += read;
      return read;
    }

    @Override
    public void close() throws IOException {
      current.close();
    }
  }
}
