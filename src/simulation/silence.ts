/** A simulated process logs nothing and counts nothing: the world sees more than it could tell. */
import { pino } from "pino";
import { createMetrics } from "../ops/metrics.ts";

export const noLog = pino({ level: "silent" });
export const noMetrics = createMetrics({ defaults: false });
