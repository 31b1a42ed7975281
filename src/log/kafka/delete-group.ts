import type { Logger } from "pino";
import { createKafkaClient, questionRetry } from "./client.ts";
import type { KafkaConnection } from "./client.ts";
import { withDeadline } from "./deadline.ts";

const deadlineMs = 3_000;

/**
 * Deletes a group that was made for one reading and has nobody in it any more. Never rejects: one that stays is empty and without
 * offsets, and the broker forgets it by itself.
 */
export const deleteGroup = async (
  { connection, logger }: { readonly connection: KafkaConnection; readonly logger: Logger },
  groupId: string,
): Promise<void> => {
  const { kafka, sockets } = createKafkaClient({
    connection,
    logger,
    requestTimeoutMs: deadlineMs,
    retry: questionRetry,
  });
  const admin = kafka.admin();
  const work = async (): Promise<void> => {
    try {
      await admin.connect();
      await admin.deleteGroups([groupId]);
    } finally {
      await admin.disconnect().catch(() => undefined);
      sockets.cut();
    }
  };
  await withDeadline(work(), deadlineMs, "deleting a group").catch((err: unknown) =>
    logger.debug({ err, groupId }, "a reader's group stays behind"),
  );
};
