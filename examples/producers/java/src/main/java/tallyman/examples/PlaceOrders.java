package tallyman.examples;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.Future;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.generic.GenericRecordBuilder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DatumWriter;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Places orders by writing them to Tallyman's topic, without its api.
 *
 * <pre>java -cp "target/classes:target/lib/*" tallyman.examples.PlaceOrders BROKERS REGISTRY_URL TOPIC [SETTING=VALUE ...] &lt; orders.ndjson</pre>
 *
 * Each line of the input is an order: {"orderId", "productId", "quantity", "unitPriceCents"}. Prints the partition and the offset of
 * each, as Kafka acknowledged it. Run again with the same lines, the same ids count once.
 * Settings are the producer's, such as compression.type=lz4.
 */
public final class PlaceOrders {
  private static final String SUBJECT = "tallyman.commands.PlaceOrder";
  /** Orders that are sent and not yet told of. */
  private static final int UNDER_WAY_MAX = 10_000;
  private static final ObjectMapper JSON = new ObjectMapper();

  private record Sent(String orderId, Future<RecordMetadata> acknowledged) {}

  public static void main(String[] args) throws Exception {
    String brokers = args[0];
    String topic = args[2];
    WireFormat wireFormat = latestSchema(args[1]);
    // Java's client asks for acks=all by itself, and its partitioner is murmur2 of the key, as Tallyman's own.
    Map<String, Object> settings = new HashMap<>();
    settings.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
    settings.put(ProducerConfig.ACKS_CONFIG, "all");
    settings.put(ProducerConfig.METADATA_MAX_AGE_CONFIG, 10_000);
    for (String setting : List.of(args).subList(3, args.length)) {
      String[] named = setting.split("=", 2);
      settings.put(named[0], named[1]);
    }
    Queue<Sent> underWay = new ArrayDeque<>();
    try (var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var producer = new KafkaProducer<>(settings, new StringSerializer(), new ByteArraySerializer())) {
      for (String line = input.readLine(); line != null; line = input.readLine()) {
        JsonNode order = JSON.readTree(line);
        // The key is the product: all of its commands are in one partition, and decided in their order.
        String key = order.required("productId").textValue();
        byte[] value = wireFormat.encode(placeOrder(wireFormat.schema, order));
        underWay.add(new Sent(order.required("orderId").textValue(), producer.send(new ProducerRecord<>(topic, key, value))));
        if (underWay.size() >= UNDER_WAY_MAX) tell(underWay.remove());
      }
      producer.flush();
      while (!underWay.isEmpty()) tell(underWay.remove());
    }
  }

  private static GenericRecord placeOrder(Schema schema, JsonNode order) {
    // What is not set has the schema's default.
    return new GenericRecordBuilder(schema)
        .set("commandId", order.required("orderId").textValue())
        .set("productId", order.required("productId").textValue())
        .set("quantity", order.required("quantity").intValue())
        .set("unitPriceCents", order.required("unitPriceCents").intValue())
        .set("currency", "EUR")
        .set("issuedAt", System.currentTimeMillis())
        .build();
  }

  /** Waits for Kafka; throws when it has not taken the order, of which nothing is known then: it may be sent again. */
  private static void tell(Sent sent) throws Exception {
    RecordMetadata place = sent.acknowledged().get();
    System.out.println(JSON.createObjectNode()
        .put("orderId", sent.orderId())
        .put("partition", place.partition())
        .put("offset", place.offset()));
  }

  /** The schema of a PlaceOrder, which Tallyman has registered. */
  private static WireFormat latestSchema(String registryUrl) throws IOException, InterruptedException {
    URI uri = URI.create(registryUrl + "/subjects/" + SUBJECT + "/versions/latest");
    HttpRequest request = HttpRequest.newBuilder(uri).timeout(Duration.ofSeconds(10)).build();
    var response = HttpClient.newHttpClient().send(request, BodyHandlers.ofString());
    if (response.statusCode() != 200) throw new IOException(uri + " answers " + response.statusCode() + ": " + response.body());
    JsonNode found = JSON.readTree(response.body());
    return new WireFormat(found.required("id").intValue(), new Schema.Parser().parse(found.required("schema").textValue()));
  }

  /** Confluent's: a zero byte, the schema's id in four bytes, Avro. For one thread. */
  private static final class WireFormat {
    final Schema schema;
    private final int schemaId;
    private final DatumWriter<GenericRecord> writer;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private BinaryEncoder encoder;

    WireFormat(int schemaId, Schema schema) {
      this.schemaId = schemaId;
      this.schema = schema;
      this.writer = new GenericDatumWriter<>(schema);
    }

    byte[] encode(GenericRecord command) throws IOException {
      bytes.reset();
      bytes.writeBytes(ByteBuffer.allocate(5).put((byte) 0).putInt(schemaId).array());
      encoder = EncoderFactory.get().binaryEncoder(bytes, encoder);
      writer.write(command, encoder);
      encoder.flush();
      return bytes.toByteArray();
    }
  }

  private PlaceOrders() {}
}
