package io.gpurunner.storage;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.LocalDateTime;
import java.time.ZoneOffset;

/**
 * The records of a zip archive with stored entries. Layouts and constants: PKWARE APPNOTE.TXT
 * 6.3.9, sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16 and 4.5.3.
 */
final class ZipRecords {
  private static final int LOCAL_SIGNATURE = 0x04034b50;
  private static final int CENTRAL_SIGNATURE = 0x02014b50;
  private static final int END_SIGNATURE = 0x06054b50;
  private static final int ZIP64_END_SIGNATURE = 0x06064b50;
  private static final int ZIP64_LOCATOR_SIGNATURE = 0x07064b50;

  private static final long MAX_32 = 0xffff_ffffL;
  private static final int MAX_16 = 0xffff;
  private static final int ZIP64_EXTRA = 0x0001;
  private static final short VERSION_PLAIN = 10;
  private static final short VERSION_ZIP64 = 45;
  private static final short MADE_ON_UNIX = 3 << 8;
  private static final short UTF8_NAMES = 0x0800;
  private static final short STORED = 0;

  private ZipRecords() {}

  static byte[] localHeader(ZipEntry entry) {
    byte[] name = name(entry);
    boolean large = entry.bytes() >= MAX_32;
    byte[] record = new byte[30 + name.length + (large ? 20 : 0)];
    ByteBuffer out = littleEndian(record);
    out.putInt(LOCAL_SIGNATURE);
    out.putShort(large ? VERSION_ZIP64 : VERSION_PLAIN);
    putCommon(out, entry, large);
    out.putShort((short) name.length);
    out.putShort((short) (large ? 20 : 0));
    out.put(name);
    if (large) {
      out.putShort((short) ZIP64_EXTRA).putShort((short) 16);
      out.putLong(entry.bytes()).putLong(entry.bytes());
    }
    return record;
  }

  static byte[] centralHeader(ZipEntry entry, long headerOffset) {
    byte[] name = name(entry);
    boolean large = entry.bytes() >= MAX_32;
    boolean far = headerOffset >= MAX_32;
    int extra = large || far ? 4 + (large ? 16 : 0) + (far ? 8 : 0) : 0;
    short version = large || far ? VERSION_ZIP64 : VERSION_PLAIN;
    byte[] record = new byte[46 + name.length + extra];
    ByteBuffer out = littleEndian(record);
    out.putInt(CENTRAL_SIGNATURE);
    out.putShort((short) (MADE_ON_UNIX | version));
    out.putShort(version);
    putCommon(out, entry, large);
    out.putShort((short) name.length);
    out.putShort((short) extra);
    out.putShort((short) 0); // comment
    out.putShort((short) 0); // disk
    out.putShort((short) 0); // internal attributes
    out.putInt(entry.unixMode() << 16);
    out.putInt((int) Math.min(headerOffset, MAX_32));
    out.put(name);
    if (extra > 0) {
      out.putShort((short) ZIP64_EXTRA).putShort((short) (extra - 4));
      if (large) {
        out.putLong(entry.bytes()).putLong(entry.bytes());
      }
      if (far) {
        out.putLong(headerOffset);
      }
    }
    return record;
  }

  static byte[] end(int entries, long directoryOffset, long endOffset) {
    long directoryBytes = endOffset - directoryOffset;
    boolean large = entries >= MAX_16 || directoryOffset >= MAX_32 || directoryBytes >= MAX_32;
    byte[] record = new byte[22 + (large ? 56 + 20 : 0)];
    ByteBuffer out = littleEndian(record);
    if (large) {
      out.putInt(ZIP64_END_SIGNATURE);
      out.putLong(44); // what follows of this record
      out.putShort((short) (MADE_ON_UNIX | VERSION_ZIP64)).putShort(VERSION_ZIP64);
      out.putInt(0).putInt(0); // disks
      out.putLong(entries).putLong(entries);
      out.putLong(directoryBytes).putLong(directoryOffset);
      out.putInt(ZIP64_LOCATOR_SIGNATURE);
      out.putInt(0);
      out.putLong(endOffset);
      out.putInt(1); // disks
    }
    out.putInt(END_SIGNATURE);
    out.putShort((short) 0).putShort((short) 0); // disks
    out.putShort((short) Math.min(entries, MAX_16)).putShort((short) Math.min(entries, MAX_16));
    out.putInt((int) Math.min(directoryBytes, MAX_32));
    out.putInt((int) Math.min(directoryOffset, MAX_32));
    out.putShort((short) 0); // comment
    return record;
  }

  private static void putCommon(ByteBuffer out, ZipEntry entry, boolean large) {
    int size = (int) (large ? MAX_32 : entry.bytes());
    out.putShort(UTF8_NAMES);
    out.putShort(STORED);
    out.putInt(dosTime(entry));
    out.putInt(entry.crc32());
    out.putInt(size).putInt(size);
  }

  /**
   * Returns the time in the archive's format: steps of two seconds, from 1980 to 2107. It is in
   * UTC, so that it is the same everywhere.
   */
  private static int dosTime(ZipEntry entry) {
    LocalDateTime time = LocalDateTime.ofInstant(entry.modified(), ZoneOffset.UTC);
    if (time.getYear() < 1980) {
      time = LocalDateTime.of(1980, 1, 1, 0, 0);
    } else if (time.getYear() > 2107) {
      time = LocalDateTime.of(2107, 12, 31, 23, 59, 58);
    }
    int date = (time.getYear() - 1980) << 9 | time.getMonthValue() << 5 | time.getDayOfMonth();
    int clock = time.getHour() << 11 | time.getMinute() << 5 | time.getSecond() / 2;
    return date << 16 | clock;
  }

  /** Returns the name. {@link ModelDirectory} limits its length. */
  private static byte[] name(ZipEntry entry) {
    return entry.name().getBytes(StandardCharsets.UTF_8);
  }

  private static ByteBuffer littleEndian(byte[] record) {
    return ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN);
  }
}
