package tallyman.bench;

import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.CloseOptions.GroupMembershipOperation;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** Decides orders with exactly_once_v2: the stock of each product in a persistent store with a changelog, decisions on a topic. */
public final class StockStreams {
  private static final String STORE = "stock";

  public static void main(String[] args) throws InterruptedException {
    String brokers = args[0];
    String registryUrl = args[1];
    String ordersTopic = args[2];
    String decisionsTopic = args[3];
    String applicationId = args[4];
    String stateFolder = args[5];

    Topology topology = new Topology();
    topology.addSource("orders", Serdes.String().deserializer(), new PerThread(registryUrl), ordersTopic);
    topology.addProcessor("decide", Decide::new, "orders");
    topology.addStateStore(
        Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(STORE), Serdes.String(), Serdes.Long())
            .withCachingEnabled(),
        "decide");
    topology.addSink("decisions", decisionsTopic, Serdes.String().serializer(), Decision.SERIALIZER, "decide");

    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, applicationId);
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, stateFolder);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, Runtime.getRuntime().availableProcessors());
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");

    KafkaStreams streams = new KafkaStreams(topology, settings);
    CountDownLatch ended = new CountDownLatch(1);
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      ended.countDown();
      return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    });
    // So that the group can be deleted at once.
    CloseOptions leaving =
        CloseOptions.groupMembershipOperation(GroupMembershipOperation.LEAVE_GROUP).withTimeout(Duration.ofSeconds(8));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(leaving)));
    streams.start();
    ended.await();
    System.exit(1);
  }

  /** An order is accepted when there is enough of its product; a delivery always is. */
  private static final class Decide implements Processor<String, GenericRecord, String, Decision> {
    private ProcessorContext<String, Decision> context;
    private KeyValueStore<String, Long> stock;

    @Override
    public void init(ProcessorContext<String, Decision> given) {
      context = given;
      stock = given.getStateStore(STORE);
    }

    @Override
    public void process(Record<String, GenericRecord> record) {
      GenericRecord command = record.value();
      int units = (Integer) command.get("quantity");
      int wanted = command.getSchema().getName().equals("ReceiveStock") ? -units : units;
      Long stored = stock.get(record.key());
      long left = stored == null ? 0 : stored;
      boolean accepted = wanted <= left;
      if (accepted) {
        left -= wanted;
        stock.put(record.key(), left);
      }
      context.forward(record.withValue(new Decision(command.get("commandId").toString(), wanted, accepted, left)));
    }
  }

  private StockStreams() {}
}
