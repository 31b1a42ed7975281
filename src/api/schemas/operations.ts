import { Type } from "typebox";
import { Named, Nullable, Time } from "./fields.ts";

export const Alive = Named("Alive", { status: Type.Enum(["alive"]) }, { status: "alive" });

/** As src/ops/health.ts has it. */
export const HealthReport = Named(
  "HealthReport",
  {
    ready: Type.Boolean({ description: "It can serve" }),
    leaving: Type.Boolean({ description: "It has been asked to stop" }),
    dependencies: Type.Array(
      Type.Object({
        name: Type.String(),
        state: Type.Enum(["unknown", "up", "down"]),
        since: Time("Since when"),
        required: Type.Boolean({ description: "Without it this process is not ready" }),
        detail: Nullable(Type.String({ description: "Why it is down" })),
      }),
      { description: "What background probes last saw of each" },
    ),
  },
  {
    ready: true,
    leaving: false,
    dependencies: [{ name: "kafka", state: "up", since: "2026-01-31T12:00:00.000Z", required: true, detail: null }],
  },
);

export const MetricsText = Type.String({ description: "Prometheus's text format" });
