package tallyman.bench;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serializer;

/** What became of a command; its key is the product. A delivery has a negative quantity. */
record Decision(String commandId, int quantity, boolean accepted, long stockAfter) {
  static final Serializer<Decision> SERIALIZER = (topic, decision) -> {
    byte[] id = decision.commandId.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(13 + id.length)
        .putInt(decision.quantity)
        .put((byte) (decision.accepted ? 1 : 0))
        .putLong(decision.stockAfter)
        .put(id)
        .array();
  };

  static final Deserializer<Decision> DESERIALIZER = (topic, value) -> {
    ByteBuffer bytes = ByteBuffer.wrap(value);
    int quantity = bytes.getInt();
    boolean accepted = bytes.get() == 1;
    long stockAfter = bytes.getLong();
    return new Decision(new String(value, 13, value.length - 13, StandardCharsets.UTF_8), quantity, accepted, stockAfter);
  };
}
