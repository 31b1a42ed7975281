import fc from "fast-check";
import { AssignerProtocol } from "kafkajs";
import type { Assigner, Cluster, GroupMember } from "kafkajs";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { createGroupAssigner } from "../../src/log/kafka/group-assigner.ts";
import { readNotes, writeNotes } from "../../src/log/kafka/member-notes.ts";
import type { HeldPartition } from "../../src/log/log.ts";

const partitionMetadata = { partitionErrorCode: 0, leader: 1, replicas: [1], isr: [1] };
function createAssigner(instanceId: string, partitionCount: number, held: () => readonly HeldPartition[] = () => []) {
  const warnings: object[] = [];
  const logger = pino({ level: "warn" }, { write: (line) => void warnings.push(JSON.parse(line) as object) });
  const cluster = {
    findTopicPartitionMetadata: (topic: string) =>
      Array.from({ length: topic === "orders" ? partitionCount : 0 }, (_, partitionId) => ({
        ...partitionMetadata,
        partitionId,
      })),
  } as unknown as Cluster; // kafkajs asks its assigners for nothing else of it.
  const make = createGroupAssigner({ instanceId, topic: "orders", held, logger });
  const assigner: Assigner = make({ cluster } as Parameters<typeof make>[0]);
  return { assigner, warnings };
}
const member = (memberId: string, assigner: Assigner, topics = ["orders"]): GroupMember => ({
  memberId,
  memberMetadata: assigner.protocol({ topics }).metadata,
});
async function assign(assigner: Assigner, members: GroupMember[]): Promise<Map<string, number[]>> {
  const given = await assigner.assign({ members, topics: ["orders"] });
  return new Map(
    given.map(({ memberId, memberAssignment }) => [
      memberId,
      AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment.orders ?? [],
    ]),
  );
}
const anyNotes = fc.record({
  instanceId: fc.string({ unit: "binary" }),
  holds: fc
    .array(
      fc.tuple(
        fc.stringMatching(/^[a-z.]{1,9}$/),
        fc.array(fc.record({ partition: fc.nat(), epoch: fc.maxSafeNat() })),
      ),
    )
    .map((pairs) => new Map(pairs)),
});

describe("a member's notes", () => {
  it("are read as they were written", () => {
    fc.assert(
      fc.property(anyNotes, (notes) => {
        expect(readNotes(writeNotes(notes))).toEqual(notes);
      }),
    );
  });

  it("of another version, of another program, or damaged, are nothing", () => {
    const good = { v: 1, id: "a", holds: { orders: [[0, 1]] } };
    for (const other of [{ ...good, v: 2 }, { ...good, id: 7 }, { ...good, holds: [] }, null, "x", []]) {
      expect(readNotes(Buffer.from(JSON.stringify(other)))).toBeUndefined();
    }
    fc.assert(fc.property(fc.uint8Array(), (bytes) => readNotes(Buffer.from(bytes)) === undefined));
    const strange = { ...good, holds: { orders: [[0, 1], [1], [1, -1], ["2", 1], 3, [2.5, 1], [4, 5, 6]], others: 7 } };
    expect(readNotes(Buffer.from(JSON.stringify(strange)))?.holds).toEqual(
      new Map([["orders", [{ partition: 0, epoch: 1 }, { partition: 4, epoch: 5 }]], ["others", []]]), // prettier-ignore
    );
  });
});

describe("the pinned assigner for kafkajs", () => {
  it("tells what is held at each join, not what it was before", () => {
    let held: HeldPartition[] = [];
    const { assigner } = createAssigner("a", 4, () => held);
    const said = () => {
      const { metadata } = assigner.protocol({ topics: ["orders"] });
      return readNotes(AssignerProtocol.MemberMetadata.decode(metadata)?.userData ?? Buffer.alloc(0))?.holds;
    };
    expect(said()).toEqual(new Map([["orders", []]]));
    held = [{ partition: 2, epoch: 9 }];
    expect(said()).toEqual(new Map([["orders", held]]));
  });

  it("shares the topic's partitions out, whoever leads, and lets holders keep them; the higher epoch holds", async () => {
    const zombie = createAssigner("zombie", 4, () => [0, 1, 2].map((partition) => ({ partition, epoch: 3 })));
    const owner = createAssigner("owner", 4, () => [1, 3].map((partition) => ({ partition, epoch: 4 })));
    const members = [member("m1", zombie.assigner), member("m2", owner.assigner)];
    for (const leader of [zombie.assigner, owner.assigner]) {
      expect(await assign(leader, members)).toEqual(new Map([["m1", [0, 2]], ["m2", [1, 3]]])); // prettier-ignore
    }
  });

  it("gives members their shares whose notes can't be read, and those of one name, and says of the latter that it is odd", async () => {
    const { assigner, warnings } = createAssigner("same", 6);
    const { MemberMetadata } = AssignerProtocol;
    const members = [
      { memberId: "m1", memberMetadata: Buffer.from([9]) },
      {
        memberId: "m2",
        memberMetadata: MemberMetadata.encode({ version: 0, topics: ["orders"], userData: Buffer.from("?") }),
      },
      {
        memberId: "m3",
        memberMetadata: MemberMetadata.encode({ version: 0, topics: ["orders"], userData: Buffer.alloc(0) }),
      },
    ];
    const given = await assign(assigner, members);
    expect([...given.values()].map((own) => own.length)).toEqual([2, 2, 2]);
    expect(warnings).toEqual([]);
    const twins = await assign(assigner, [member("m4", assigner), member("m5", assigner)]);
    expect([...twins.values()].flat().toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(warnings).toMatchObject([{ instanceIds: ["same"] }]);
  });

  it("gives nothing to members that read another topic, but for a group of nobody else", async () => {
    const { assigner } = createAssigner("a", 4);
    const other = member("m2", createAssigner("b", 4).assigner, ["others"]);
    expect(await assign(assigner, [member("m1", assigner), other])).toEqual(new Map([["m1", [0, 1, 2, 3]], ["m2", []]])); // prettier-ignore
    expect(await assign(assigner, [other])).toEqual(new Map([["m2", [0, 1, 2, 3]]]));
  });
});
