package tallyman.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DatumReader;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.common.serialization.Deserializer;

/** Reads commands in Confluent's wire format: a zero byte, the schema's id in four bytes, Avro. One for each thread. */
final class Commands implements Deserializer<GenericRecord> {
  private static final int HEAD_BYTES = 5;
  private final String registryUrl;
  private final Map<Integer, DatumReader<GenericRecord>> readers = new HashMap<>();
  private BinaryDecoder decoder;

  Commands(String registryUrl) {
    this.registryUrl = registryUrl;
  }

  @Override
  public GenericRecord deserialize(String topic, byte[] value) {
    DatumReader<GenericRecord> reader = readers.computeIfAbsent(ByteBuffer.wrap(value, 1, 4).getInt(), this::readerOf);
    decoder = DecoderFactory.get().binaryDecoder(value, HEAD_BYTES, value.length - HEAD_BYTES, decoder);
    try {
      return reader.read(null, decoder);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  private DatumReader<GenericRecord> readerOf(int schemaId) {
    URI uri = URI.create(registryUrl + "/schemas/ids/" + schemaId);
    HttpRequest request = HttpRequest.newBuilder(uri).timeout(Duration.ofSeconds(10)).build();
    try {
      String body = HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body();
      JsonNode found = new ObjectMapper().readTree(body);
      return new GenericDatumReader<>(new Schema.Parser().parse(found.required("schema").textValue()));
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    } catch (InterruptedException error) {
      throw new IllegalStateException(error);
    }
  }
}
