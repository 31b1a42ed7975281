package tallyman.bench;

import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.common.serialization.Deserializer;

/** One deserializer is given to all threads of a topology: this one keeps one for each. */
final class PerThread implements Deserializer<GenericRecord> {
  private final ThreadLocal<Commands> commands;

  PerThread(String registryUrl) {
    commands = ThreadLocal.withInitial(() -> new Commands(registryUrl));
  }

  @Override
  public GenericRecord deserialize(String topic, byte[] value) {
    return commands.get().deserialize(topic, value);
  }
}
