/**
 * The pinned assigner in kafkajs's form. kafkajs asks each member for its protocol, synchronously, whenever it joins, and the
 * leader for the assignment, after it has read the topics' metadata anew.
 *
 * I1 What a member says that it holds is asked at each join, never remembered from an assignment.
 * I2 Whatever members say, and whoever they are, the assignment is valid: one whose notes can't be read is known by its member id.
 * I3 Members that read another topic, by a wrong setting, get nothing of this one while there are others: kafkajs would drop it.
 */
import { AssignerProtocol } from "kafkajs";
import type { PartitionAssigner } from "kafkajs";
import type { Logger } from "pino";
import { assignPinned } from "../../partitioning/pinned-assigner.ts";
import type { Member } from "../../partitioning/pinned-assigner.ts";
import type { HeldPartition } from "../log.ts";
import { readNotes, writeNotes } from "./member-notes.ts";

/** As Kafka's tools show it. All members of a group must have an assigner in common. */
export const pinnedAssignerName = "tallyman-pinned";

/** The version of Kafka's own format around our notes: 0 has topics and user data. */
const protocolVersion = 0;

export type GroupAssignerOptions = {
  readonly instanceId: string;
  readonly topic: string;
  readonly held: () => readonly HeldPartition[];
  readonly logger: Pick<Logger, "warn" | "debug">;
};

type Read = Member & { readonly topics: readonly string[] | undefined };

export const createGroupAssigner =
  ({ instanceId, topic, held, logger }: GroupAssignerOptions): PartitionAssigner =>
  ({ cluster }) => ({
    name: pinnedAssignerName,
    version: protocolVersion,

    protocol: ({ topics }) => {
      const userData = writeNotes({ instanceId, holds: new Map([[topic, held()]]) }); // I1
      return {
        name: pinnedAssignerName,
        metadata: AssignerProtocol.MemberMetadata.encode({ version: protocolVersion, topics, userData }),
      };
    },

    assign: ({ members, topics }) => {
      const all = members.map(({ memberId, memberMetadata }) => readMember(memberId, memberMetadata));
      const readers = all.filter(
        (each) => each.topics === undefined || topics.every((name) => each.topics?.includes(name)),
      );
      const eligible = readers.length === 0 ? all : readers; // I3
      warnOf(eligible, logger);
      const partitions = topics.flatMap((name) =>
        cluster.findTopicPartitionMetadata(name).map(({ partitionId }) => ({ topic: name, partition: partitionId })),
      );
      const given = assignPinned(eligible, partitions);
      const assignments = all.map(({ memberId }) => {
        const assignment: Record<string, number[]> = {};
        for (const { topic: name, partition } of given.get(memberId) ?? []) (assignment[name] ??= []).push(partition);
        const userData = Buffer.alloc(0);
        return {
          memberId,
          memberAssignment: AssignerProtocol.MemberAssignment.encode({
            version: protocolVersion,
            assignment,
            userData,
          }),
        };
      });
      return Promise.resolve(assignments);
    },
  });

/** I2 */
function readMember(memberId: string, bytes: Buffer): Read {
  try {
    const metadata = AssignerProtocol.MemberMetadata.decode(bytes);
    const notes = metadata === null ? undefined : readNotes(metadata.userData);
    const holds = [...(notes?.holds ?? [])].flatMap(([topic, some]) => some.map((each) => ({ ...each, topic })));
    return { memberId, instanceId: notes?.instanceId ?? memberId, holds, topics: metadata?.topics };
  } catch {
    return { memberId, instanceId: memberId, holds: [], topics: undefined };
  }
}

function warnOf(members: readonly Read[], logger: GroupAssignerOptions["logger"]): void {
  const ids = members.map(({ instanceId }) => instanceId);
  const twins = [...new Set(ids.filter((id, at) => ids.indexOf(id) !== at))];
  if (twins.length > 0) {
    logger.warn(
      { instanceIds: twins },
      "several members of the group have one INSTANCE_ID, or one joins again before it is missed",
    );
  }
}
