package tallyman.bench;

import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Reads all committed decisions and prints, as JSON, how many there are and of how many products the stock does not follow from them. */
public final class Verify {
  private static final class Tally {
    long quantity;
    boolean wrong;
  }

  public static void main(String[] args) {
    Map<String, Object> settings = Map.of(
        ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, args[0],
        ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
    Map<String, Tally> tallies = new HashMap<>();
    Set<String> ids = new HashSet<>();
    long decisions = 0;
    long accepted = 0;
    try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), Decision.DESERIALIZER)) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(args[1]).stream().map(each -> new TopicPartition(each.topic(), each.partition())).toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(each -> consumer.position(each) < ends.get(each))) {
        for (ConsumerRecord<String, Decision> record : consumer.poll(Duration.ofMillis(200))) {
          Decision decision = record.value();
          decisions += 1;
          if (decision.accepted()) accepted += 1;
          ids.add(decision.commandId());
          Tally tally = tallies.computeIfAbsent(record.key(), key -> new Tally());
          boolean isRight = decision.accepted() == (decision.quantity() <= tally.quantity);
          if (decision.accepted()) tally.quantity -= decision.quantity();
          if (!isRight || tally.quantity != decision.stockAfter() || tally.quantity < 0) tally.wrong = true;
        }
      }
    }
    long wrong = tallies.values().stream().filter(tally -> tally.wrong).count();
    System.out.printf(
        "{\"decisions\":%d,\"accepted\":%d,\"ids\":%d,\"products\":%d,\"wrong\":%d}%n",
        decisions, accepted, ids.size(), tallies.size(), wrong);
  }

  private Verify() {}
}
