import { AssignerProtocol } from "kafkajs";
import type { Logger } from "pino";
import { LogUnavailable } from "../log.ts";
import { createKafkaClient, questionRetry } from "./client.ts";
import type { KafkaConnection } from "./client.ts";
import { withDeadline } from "./deadline.ts";
import { pinnedAssignerName } from "./group-assigner.ts";
import { readNotes } from "./member-notes.ts";

export type GroupMembersOptions = {
  readonly connection: KafkaConnection;
  readonly groupId: string;
  readonly logger: Logger;
};

const requestTimeoutMs = 2_000;
const deadlineMs = 3_000;

/**
 * The instance ids of the processors that are in the group now. Null: it can't be told, for a rebalance is under way or somebody is
 * in it who does not tell, one of the version before. Rejects with `LogUnavailable`.
 */
export const readGroupMembers = async ({
  connection,
  groupId,
  logger,
}: GroupMembersOptions): Promise<ReadonlySet<string> | null> => {
  const { kafka, sockets } = createKafkaClient({ connection, logger, requestTimeoutMs, retry: questionRetry });
  const admin = kafka.admin();
  const ask = async () => {
    await admin.connect();
    return (await admin.describeGroups([groupId])).groups[0];
  };
  try {
    const group = await withDeadline(ask(), deadlineMs, "asking who is in the group");
    const members = group?.members ?? [];
    if (members.length > 0 && group?.protocol !== pinnedAssignerName) return null;
    const ids = members.map(({ memberMetadata }) => instanceOf(memberMetadata));
    return ids.includes(undefined) ? null : new Set(ids.filter((id) => id !== undefined));
  } catch (cause) {
    throw new LogUnavailable(`the members of ${groupId} could not be read`, { cause });
  } finally {
    await withDeadline(admin.disconnect(), 1_000, "disconnecting").catch(() => undefined);
    sockets.cut();
  }
};

const instanceOf = (bytes: Buffer): string | undefined => {
  try {
    const metadata = AssignerProtocol.MemberMetadata.decode(bytes);
    return metadata === null ? undefined : readNotes(metadata.userData)?.instanceId;
  } catch {
    return undefined;
  }
};
