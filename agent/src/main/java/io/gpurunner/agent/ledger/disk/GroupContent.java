package io.gpurunner.agent.ledger.disk;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * The content of a group's frame: the entries of the commits that shared one write and one sync.
 * All of them are in the ledger, or none is. For each entry there is the sequence of its job (8
 * bytes), the length of its JSON (4) and its JSON, so that a reader can keep an entry, or pass over
 * it, without parsing it. Stateless.
 */
final class GroupContent {
  private static final int HEADER_BYTES = Long.BYTES + Integer.BYTES;

  private GroupContent() {}

  /** Takes an entry. */
  interface Reader {
    void read(long sequence, byte[] json) throws IOException;
  }

  static byte[] write(List<Entry> entries) {
    List<byte[]> jsons = entries.stream().map(JobCodec::write).toList();
    ByteBuffer content =
        ByteBuffer.allocate(jsons.stream().mapToInt(json -> HEADER_BYTES + json.length).sum());
    for (int i = 0; i < jsons.size(); i++) {
      byte[] json = jsons.get(i);
      content.putLong(entries.get(i).sequence()).putInt(json.length).put(json);
    }
    return content.array();
  }

  /** Reads the entries of a group, in order. */
  static void read(Frame group, Reader reader) throws IOException {
    ByteBuffer content = ByteBuffer.wrap(group.content());
    while (content.hasRemaining()) {
      if (content.remaining() < HEADER_BYTES) {
        throw unknown(group);
      }
      long sequence = content.getLong();
      int length = content.getInt();
      if (length < 0 || length > content.remaining()) {
        throw unknown(group);
      }
      byte[] json = new byte[length];
      content.get(json);
      reader.read(sequence, json);
    }
  }

  private static IOException unknown(Frame group) {
    return new IOException("group " + group.number() + " has a form that this version cannot read");
  }
}
