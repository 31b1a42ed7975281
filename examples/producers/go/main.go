// Places orders by writing them to Tallyman's topic, without its api.
//
//	go run . BROKERS REGISTRY_URL TOPIC < orders.ndjson
//
// Each line of the input is an order: {"orderId", "productId", "quantity", "unitPriceCents"}. Prints the partition and the
// offset of each, as Kafka acknowledged it. Run again with the same lines, the same ids count once.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/kgo"
)

const subject = "tallyman.commands.PlaceOrder"

type order struct {
	OrderID        string `json:"orderId"`
	ProductID      string `json:"productId"`
	Quantity       int32  `json:"quantity"`
	UnitPriceCents int32  `json:"unitPriceCents"`
}

// latestSchema is the id and the parsed schema of a PlaceOrder: Tallyman has registered it.
func latestSchema(registryURL string) (uint32, avro.Schema, error) {
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Get(registryURL + "/subjects/" + subject + "/versions/latest")
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return 0, nil, fmt.Errorf("the registry answers %s", answer.Status)
	}
	var found struct {
		ID     uint32 `json:"id"`
		Schema string `json:"schema"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&found); err != nil {
		return 0, nil, err
	}
	schema, err := avro.Parse(found.Schema)
	return found.ID, schema, err
}

// encoded is Confluent's wire format: a zero byte, the schema's id in four bytes, Avro.
func encoded(schemaID uint32, schema avro.Schema, o order) ([]byte, error) {
	value, err := avro.Marshal(schema, map[string]any{
		"commandId":        o.OrderID,
		"productId":        o.ProductID,
		"quantity":         o.Quantity,
		"unitPriceCents":   o.UnitPriceCents,
		"currency":         "EUR",
		"customerId":       nil,
		"basketId":         nil,
		"deliveryLocation": nil,
		"issuedAt":         time.Now(),
	})
	return append(binary.BigEndian.AppendUint32([]byte{0}, schemaID), value...), err
}

func run(brokers, registryURL, topic string) error {
	schemaID, schema, err := latestSchema(registryURL)
	if err != nil {
		return err
	}
	// acks=all and idempotent by itself; the partition is murmur2 of the key, as with Java's client and in Tallyman.
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(brokers, ",")...),
		kgo.DefaultProduceTopic(topic),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.RecordDeliveryTimeout(30*time.Second),
		kgo.MetadataMaxAge(10*time.Second),
	)
	if err != nil {
		return err
	}
	defer client.Close()

	type sent struct {
		orderID string
		record  *kgo.Record
	}
	var all []sent
	var records []*kgo.Record
	lines := json.NewDecoder(os.Stdin)
	for {
		var o order
		if err := lines.Decode(&o); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		value, err := encoded(schemaID, schema, o)
		if err != nil {
			return err
		}
		// The key is the product: all of its commands are in one partition, and decided in their order.
		record := &kgo.Record{Key: []byte(o.ProductID), Value: value}
		all = append(all, sent{o.OrderID, record})
		records = append(records, record)
	}
	if err := client.ProduceSync(context.Background(), records...).FirstErr(); err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for _, each := range all {
		place := map[string]any{"orderId": each.orderID, "partition": each.record.Partition, "offset": each.record.Offset}
		if err := out.Encode(place); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: place-orders BROKERS REGISTRY_URL TOPIC < orders.ndjson")
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}
