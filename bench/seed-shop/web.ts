// The web server of the shop: one port and a few processes that answer on it, as gunicorn runs Django. This one only starts and ends them.
import cluster, { type Worker } from "node:cluster";
import path from "node:path";
import { onStop } from "../contenders/on-stop.ts";
import { readSettings } from "./settings.ts";

const { workers: count } = readSettings();
cluster.setupPrimary({ exec: path.join(import.meta.dirname, "worker.ts") });
const workers: Worker[] = Array.from({ length: count }, () => cluster.fork());

// Told to each worker when all of them listen: before that, connections would not be spread over all of them.
let listening = 0;
cluster.on("listening", () => {
  listening += 1;
  if (listening === count) for (const worker of workers) worker.send("all listen");
});

let stopping = false;
const ended = workers.map(
  (worker) =>
    new Promise<void>((resolve) =>
      worker.once("exit", () => {
        resolve();
        if (stopping) return;
        // gunicorn would start another. A race that lost a worker on its way is not worth telling.
        console.error(
          `Worker ${worker.process.pid ?? 0} ended by itself (${worker.process.signalCode ?? worker.process.exitCode}).`,
        );
        process.exit(1);
      }),
    ),
);

onStop(async () => {
  stopping = true;
  for (const worker of workers) worker.process.kill("SIGTERM");
  await Promise.all(ended);
});
