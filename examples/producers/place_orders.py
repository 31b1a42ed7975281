"""Places orders by writing them to Tallyman's topic, without its api.

    python place_orders.py BROKERS REGISTRY_URL TOPIC < orders.ndjson

Each line of the input is an order: {"orderId", "productId", "quantity", "unitPriceCents"}. Prints the partition and the
offset of each, as Kafka acknowledged it. Run again with the same lines, the same ids count once.
"""

import io
import json
import struct
import sys
import time
import urllib.request

import fastavro
from kafka import KafkaProducer

SUBJECT = "tallyman.commands.PlaceOrder"


def latest_schema(registry_url):
    """The id and the parsed schema of a PlaceOrder: Tallyman has registered it."""
    with urllib.request.urlopen(f"{registry_url}/subjects/{SUBJECT}/versions/latest") as answer:
        found = json.load(answer)
    return found["id"], fastavro.parse_schema(json.loads(found["schema"]))


def encoded(schema_id, schema, command):
    """Confluent's wire format: a zero byte, the schema's id in four bytes, Avro."""
    value = io.BytesIO()
    value.write(struct.pack(">bI", 0, schema_id))
    fastavro.schemaless_writer(value, schema, command)
    return value.getvalue()


def main(brokers, registry_url, topic):
    schema_id, schema = latest_schema(registry_url)
    # The default partitioner is murmur2 of the key, as Java's and Tallyman's own. Tallyman's P1 absorbs what a retry doubles.
    producer = KafkaProducer(bootstrap_servers=brokers.split(","), acks="all", retries=10, metadata_max_age_ms=10_000)
    sent = []
    for line in sys.stdin:
        order = json.loads(line)
        command = {
            "commandId": order["orderId"],
            "productId": order["productId"],
            "quantity": order["quantity"],
            "unitPriceCents": order["unitPriceCents"],
            "currency": "EUR",
            "issuedAt": int(time.time() * 1000),
        }
        # The key is the product: all of its commands are in one partition, and decided in their order.
        key = order["productId"].encode()
        sent.append((order["orderId"], producer.send(topic, key=key, value=encoded(schema_id, schema, command))))
    producer.flush()
    for order_id, acknowledged in sent:
        place = acknowledged.get(timeout=30)
        print(json.dumps({"orderId": order_id, "partition": place.partition, "offset": place.offset}))


if __name__ == "__main__":
    main(*sys.argv[1:])
