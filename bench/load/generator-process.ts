// The load generator: a process of its own, so that what it takes is told apart from what it measures.
import { sendBatches } from "./batches.ts";
import { placeBatches } from "./client-batches.ts";
import type { Load, LoadResult, Started } from "./loads.ts";
import { sendOnTime } from "./open-loop.ts";
import { sendTooMany } from "./overload.ts";
import { sendPosts } from "./posts.ts";

process.on("disconnect", () => process.exit());
process.on("message", (load: Load) => {
  send(load, () => process.send?.({ kind: "started" })).then(
    (result) => process.send?.({ kind: "done", result }),
    (error: unknown) => process.send?.({ kind: "failed", why: String(error) }),
  );
});
process.send?.({ kind: "ready" });

function send(load: Load, started: Started): Promise<LoadResult> {
  switch (load.kind) {
    case "posts":
      return sendPosts(load, started);
    case "batches":
      return sendBatches(load, started);
    case "client":
      return placeBatches(load, started);
    case "open":
      return sendOnTime(load, started);
    case "overload":
      return sendTooMany(load, started);
  }
}
