// The consumer of the shop: each message's number becomes the product's quantity, in PostgreSQL and then in Redis, one after another.
import { onStop } from "../contenders/on-stop.ts";
import {
  type QuantityMessage,
  createKafka,
  createPool,
  createRedis,
  quantityKey,
  quantitySeconds,
  readSettings,
} from "./settings.ts";

const settings = readSettings();
const redis = createRedis(settings);
const pool = createPool(settings, 1);
// The author's has no group and reads all of the topic whenever it starts; this one starts once, and its group tells how far it is.
const consumer = createKafka(settings).consumer({ groupId: settings.group });
onStop(async () => {
  await consumer.disconnect();
  await Promise.all([pool.end(), redis.quit()]);
});
// A consumer that gives up would leave the race without an end.
consumer.on(consumer.events.CRASH, ({ payload }) => {
  if (payload.restart) return;
  console.error(payload.error);
  process.exit(1);
});

await consumer.connect();
await consumer.subscribe({ topics: [settings.topic], fromBeginning: true }); // auto_offset_reset='earliest'
await consumer.run({
  eachMessage: async ({ message }) => {
    // What worker.ts has sent.
    const { product_id, new_quantity } = JSON.parse(String(message.value)) as QuantityMessage;
    // The author gets the row, sets its quantity and saves it: what the row held plays no part, so one statement does the same, sooner.
    await pool.query({
      name: "set-quantity",
      text: "update products set quantity = $2 where id = $1",
      values: [product_id, new_quantity],
    });
    await redis.set(quantityKey(product_id), new_quantity, "EX", quantitySeconds);
  },
});
