package io.gpurunner.agent.ledger;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import org.h2.mvstore.DataUtils;
import org.h2.store.fs.FileBaseDefault;
import org.h2.store.fs.FilePath;

/**
 * A file of H2's whose chunks count only whole. H2 takes a chunk for written where its first and
 * its last bytes are there; of a write that was not synced, a power cut may leave just those. So
 * each chunk gets a seal, its length and checksum, behind the text of its last bytes, where H2
 * expects blanks; and while the newest chunk is looked for, last bytes without what they seal are
 * shown as empty. A chunk is written only once the one before it is synced, so that none but the
 * last can be torn; after a sync that failed, none is. docs/adr/007 says more. Thread-safe.
 */
final class SealedFile extends FileBaseDefault {
  /** The unit of H2's file; its first two hold the header, chunks take whole ones. */
  private static final int BLOCK_BYTES = 4096;

  private static final long FIRST_CHUNK_AT = 2L * BLOCK_BYTES;

  /** What H2 ends a chunk with: {@code chunk:…,len:…,version:…,fletcher:…}, blanks, a line end. */
  private static final int FOOTER_BYTES = 128;

  private static final int HEADER_BYTES = 2 * BLOCK_BYTES;

  /** In the header, which is {@code H:2,block:…,chunk:…,…}. */
  private static final Pattern HEADER_CHUNK = Pattern.compile(",(chunk:[0-9a-f]+,)");

  private static final Pattern HEADER_SUM = Pattern.compile(",fletcher:([0-9a-f]{1,8})\n");

  /** After the fletcher sum H2 reads no further. */
  private static final String SEAL = ",seal:";

  /** Two numbers of eight hexadecimal digits: length, checksum. */
  private static final int SEAL_BYTES = SEAL.length() + 16;

  private final FileChannel base;
  private final UnsyncedMark unsynced;

  /** Written, and not synced since. */
  private boolean dirty;

  /** Nothing is written after a sync that failed: it would rest on what may not be there. */
  private Optional<IOException> syncFailure = Optional.empty();

  /** Chunks that begin before this were synced: a whole one follows them. */
  private long trustedBefore = FIRST_CHUNK_AT;

  SealedFile(FileChannel base, UnsyncedMark unsynced) {
    this.base = base;
    this.unsynced = unsynced;
  }

  /**
   * Whether a file ends as one that was closed well: one that was cut short does not, nor one that
   * was copied while it was written.
   */
  static boolean isClosedWell(FilePath file) throws IOException {
    try (SealedFile sealed = new SealedFile(file.open("r"), UnsyncedMark.of(file))) {
      ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES);
      return sealed.base.read(header, 0) == HEADER_BYTES && sealed.isClosedWell(header.flip());
    }
  }

  @Override
  public synchronized int write(ByteBuffer source, long position) throws IOException {
    int bytes = source.remaining();
    requireSyncs();
    if (isChunk(bytes, position)) {
      if (dirty) {
        force(true);
      }
      seal(source);
    }
    dirty = true;
    int written = 0;
    while (source.hasRemaining()) {
      written += base.write(source, position + written);
    }
    return bytes;
  }

  private static boolean isChunk(int bytes, long position) {
    return position >= FIRST_CHUNK_AT
        && position % BLOCK_BYTES == 0
        && bytes > 0
        && bytes % BLOCK_BYTES == 0;
  }

  private static void seal(ByteBuffer chunk) {
    int footer = chunk.limit() - FOOTER_BYTES;
    int textEnd = chunk.limit() - 1;
    while (textEnd > footer && chunk.get(textEnd - 1) == ' ') {
      textEnd--;
    }
    boolean ofH2 = chunk.get(chunk.limit() - 1) == '\n' && textEnd > footer;
    if (!ofH2 || chunk.limit() - 1 - textEnd < SEAL_BYTES) {
      throw new IllegalStateException("H2 ends its chunks otherwise than this version expects");
    }
    String seal = sealOf(chunk.slice(chunk.position(), textEnd - chunk.position()), chunk);
    chunk.put(textEnd, seal.getBytes(StandardCharsets.US_ASCII));
  }

  private static String sealOf(ByteBuffer sealed, ByteBuffer chunk) {
    CRC32C sum = new CRC32C();
    sum.update(sealed);
    HexFormat hex = HexFormat.of();
    return SEAL + hex.toHexDigits(chunk.remaining()) + hex.toHexDigits((int) sum.getValue());
  }

  @Override
  public synchronized int read(ByteBuffer target, long position) throws IOException {
    int start = target.position();
    boolean footer =
        target.remaining() == FOOTER_BYTES
            && position >= FIRST_CHUNK_AT
            && (position + FOOTER_BYTES) % BLOCK_BYTES == 0;
    int read = base.read(target, position);
    if (position == 0 && read == HEADER_BYTES && !isClosedWell(target.slice(start, read))) {
      showAsNotClosed(target.slice(start, read));
    }
    if (footer && read == FOOTER_BYTES && position >= trustedBefore) {
      byte[] text = new byte[FOOTER_BYTES];
      target.get(start, text);
      if (!isWhole(text, position + FOOTER_BYTES)) {
        target.put(start, new byte[FOOTER_BYTES]);
      }
    }
    return read;
  }

  /**
   * Whether the file was closed well: both copies of the header are the same and name the chunk the
   * file ends with, which is whole. H2 believes a header that says so and looks for nothing newer.
   * But it writes that header together with the last chunk, and the one that takes it back together
   * with the next: a power cut may leave a header without its chunk, and then H2 would go back to
   * whatever chunk the other copy names, past others that were synced. It may also leave a chunk
   * without its header, which would be passed over, and come back with a later cut.
   */
  private boolean isClosedWell(ByteBuffer header) throws IOException {
    ByteBuffer first = header.slice(0, BLOCK_BYTES);
    long end = base.size();
    Matcher named = HEADER_CHUNK.matcher(StandardCharsets.ISO_8859_1.decode(first.duplicate()));
    ByteBuffer footer = ByteBuffer.allocate(FOOTER_BYTES);
    return first.equals(header.slice(BLOCK_BYTES, BLOCK_BYTES))
        && named.find()
        && end % BLOCK_BYTES == 0
        && end >= FIRST_CHUNK_AT + BLOCK_BYTES
        && base.read(footer, end - FOOTER_BYTES) == FOOTER_BYTES
        && new String(footer.array(), StandardCharsets.ISO_8859_1).startsWith(named.group(1))
        && isWhole(footer.array(), end);
  }

  /** H2 then looks for the newest chunk itself, as after a kill. */
  private static void showAsNotClosed(ByteBuffer header) {
    if (isValid(header.slice(0, BLOCK_BYTES))) {
      header.put(BLOCK_BYTES, new byte[BLOCK_BYTES]);
    }
  }

  /** Whether the copy, {@code …,fletcher:sum} and a line end, has the sum it names. */
  private static boolean isValid(ByteBuffer copy) {
    String text = StandardCharsets.ISO_8859_1.decode(copy).toString();
    Matcher sum = HEADER_SUM.matcher(text);
    if (!sum.find()) {
      return false;
    }
    byte[] summed = text.substring(0, sum.start()).getBytes(StandardCharsets.ISO_8859_1);
    return Integer.parseUnsignedInt(sum.group(1), 16)
        == DataUtils.getFletcher32(summed, 0, summed.length);
  }

  /** Whether a footer's chunk is there as it was sealed. Older chunks have no seal. */
  private boolean isWhole(byte[] footer, long end) throws IOException {
    String text = new String(footer, StandardCharsets.ISO_8859_1);
    int at = text.indexOf(SEAL);
    if (at < 0) {
      return true;
    }
    Optional<ByteBuffer> chunk = chunk(text, at, end);
    if (chunk.isEmpty()) {
      return false;
    }
    ByteBuffer whole = chunk.get();
    int sealedBytes = whole.limit() - FOOTER_BYTES + at;
    boolean same =
        sealOf(whole.slice(0, sealedBytes), whole)
            .equals(text.substring(at, Math.min(text.length(), at + SEAL_BYTES)));
    if (same) {
      trustedBefore = Math.max(trustedBefore, end - whole.limit());
    }
    return same;
  }

  private Optional<ByteBuffer> chunk(String footer, int at, long end) throws IOException {
    int from = at + SEAL.length();
    long bytes;
    try {
      bytes = HexFormat.fromHexDigitsToLong(footer, from, from + 8);
    } catch (IllegalArgumentException | IndexOutOfBoundsException noNumber) {
      return Optional.empty();
    }
    if (bytes < BLOCK_BYTES || bytes > end - FIRST_CHUNK_AT) {
      return Optional.empty();
    }
    ByteBuffer chunk = ByteBuffer.allocate(Math.toIntExact(bytes));
    while (chunk.hasRemaining()) {
      if (base.read(chunk, end - bytes + chunk.position()) < 0) {
        return Optional.empty();
      }
    }
    return Optional.of(chunk.flip());
  }

  @Override
  public synchronized void force(boolean metaData) throws IOException {
    requireSyncs();
    try {
      base.force(metaData);
    } catch (IOException e) {
      syncFailure = Optional.of(e);
      unsynced.set();
      throw e;
    }
    dirty = false;
  }

  private void requireSyncs() throws IOException {
    if (syncFailure.isPresent()) {
      IOException failure = syncFailure.get();
      throw new IOException("it could not be synced before: " + failure.getMessage(), failure);
    }
  }

  @Override
  protected void implTruncate(long bytes) throws IOException {
    requireSyncs();
    base.truncate(bytes);
    dirty = true;
  }

  @Override
  public long size() throws IOException {
    return base.size();
  }

  @Override
  public FileLock tryLock(long position, long bytes, boolean shared) throws IOException {
    return base.tryLock(position, bytes, shared);
  }

  @Override
  protected void implCloseChannel() throws IOException {
    base.close();
  }
}
