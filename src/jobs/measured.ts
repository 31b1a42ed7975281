import type { Metrics } from "../ops/metrics.ts";
import type { JobHandler, JobName } from "../queue/queue.ts";
import type { WorkerLog } from "./worker-log.ts";

/** The handler, counted and told of: what fails is told as a warning when it is not tried again, or is no delivery, of which each has a log of its own. */
export function measured(
  name: JobName,
  handler: JobHandler,
  { metrics, log }: { readonly metrics: Pick<Metrics, "jobs" | "jobSeconds">; readonly log: WorkerLog },
): JobHandler {
  return async (job) => {
    const end = metrics.jobSeconds.startTimer({ job: name });
    try {
      await handler(job);
      metrics.jobs.inc({ job: name, outcome: "done" });
    } catch (err) {
      metrics.jobs.inc({ job: name, outcome: job.isLast ? "failed" : "again" });
      if (job.isLast || name !== "deliver-webhook") {
        log.warn(
          { err, job: name, id: job.id },
          job.isLast ? "a job failed for good" : "a job failed, and is tried again",
        );
      }
      throw err;
    } finally {
      end();
    }
  };
}
