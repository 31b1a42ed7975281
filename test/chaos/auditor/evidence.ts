/**
 * What a run leaves to be judged, as plain values that can be written down: the books of the clients, what was seen on the
 * way, and what HTTP, the topic, PostgreSQL and Redis say when all is over. Nothing here comes from src/.
 *
 * Times are milliseconds since 1970, of one clock that never jumps.
 */
export type CommandKind = "order" | "cancel" | "pack" | "delivery" | "count" | "archive" | "restore";

/** One command in its client's books; all its repeats have the same id. */
export type SentCommand = {
  readonly kind: CommandKind;
  /**
   * An order's id; a cancel's and a packing's is its order's; a delivery's and a count's is its reference; an archiving's and a
   * restoring's is who asked. Unique within its kind.
   */
  readonly id: string;
  readonly productId: string;
  readonly quantity: number;
  readonly asOfVersion: number | null;
  /** Who sent it. */
  readonly client: string;
  readonly firstSentAt: number;
  /** How often it was sent. */
  attempts: number;
  /** The first answer that said that it is in the log; null: there was none. */
  ackedAt: number | null;
  /** Where that answer said that it lies; null where it did not say. */
  place: { readonly partition: number; readonly offset: number } | null;
  /** It needed no line of its own: an answer said that there is nothing to cancel. */
  isMoot: boolean;
};

/** What an answer told about a command. */
export type Telling = {
  readonly kind: CommandKind;
  readonly id: string;
  readonly askedAt: number;
  readonly toldAt: number;
  /** `unknown` is a proven 404. */
  readonly status: "pending" | "accepted" | "rejected" | "cancelled" | "unknown";
  readonly reason: string | null;
  /** Null where the answer did not say. */
  readonly stockAfter: number | null;
  readonly version: number | null;
};

export type Line = {
  readonly command_id: string;
  readonly type:
    "PlaceOrder" | "CancelOrder" | "PackOrder" | "ReceiveStock" | "CountStock" | "ArchiveProduct" | "RestoreProduct";
  readonly product_id: string;
  readonly order_id: string | null;
  readonly reference: string | null;
  readonly actor: string | null;
  readonly quantity: number;
  readonly as_of_version: number | null;
  readonly status: "accepted" | "rejected" | "cancelled";
  readonly reason: string | null;
  readonly delta: number;
  readonly stock_after: number;
  readonly version: number;
  readonly revision: number;
  readonly fulfilment: "packed" | null;
  readonly partition: number;
  readonly offset: number;
  readonly unit_price_cents: number | null;
  readonly decided_at: number;
};

/** A line as it was when it was first seen, or seen again at another place. */
export type SeenLine = Pick<
  Line,
  "command_id" | "status" | "reason" | "delta" | "stock_after" | "version" | "revision" | "unit_price_cents"
>;

export type Stock = {
  readonly product_id: string;
  readonly quantity: number;
  readonly version: number;
  readonly archived: boolean;
};
export type Progress = {
  readonly partition: number;
  readonly epoch: number;
  readonly next_offset: number;
  readonly effects_offset: number;
};

/** A record of the topic; its fields as its own schema names them. */
export type LogRecord = {
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly type: string;
  readonly commandId: string;
  readonly productId: string;
  readonly orderId: string | null;
  readonly reference: string | null;
  readonly actor: string | null;
  readonly quantity: number | null;
};

/** What HTTP says in the end. */
export type FinalOrder = { readonly id: string; readonly status: string; readonly version: number | null };
export type FinalProduct = { readonly id: string; readonly quantity: number; readonly version: number };

export type Ending = {
  readonly member: string;
  readonly bornAt: number;
  readonly endedAt: number;
  readonly how: string;
  /** `killed` and `asked` are ours; `itself` is not. */
  readonly by: "killed" | "asked" | "itself";
  readonly wasReady: boolean;
  readonly errors: string;
};

/** Resident memory of one process over its life. */
export type MemoryLife = {
  readonly member: string;
  readonly bornAt: number;
  readonly samples: readonly { readonly at: number; readonly bytes: number }[];
};

export type Evidence = {
  readonly commands: readonly SentCommand[];
  readonly tellings: readonly Telling[];
  /** Answers that nobody should get, a sentence each. */
  readonly surprises: readonly string[];
  readonly seenLines: readonly SeenLine[];
  /** What the watcher saw of each partition, at each look. */
  readonly seenProgress: readonly (readonly Progress[])[];
  readonly lines: readonly Line[];
  readonly stock: readonly Stock[];
  readonly progress: readonly Progress[];
  readonly deadLetters: number;
  /** Over how many partitions products are spread, and to how many that grows; null: it does not. */
  readonly growth: { readonly partition_count: number; readonly to_count: number | null };
  readonly records: readonly LogRecord[];
  /** By partition, where the log ended when the load was over. */
  readonly logEnds: readonly number[];
  readonly finalOrders: readonly FinalOrder[];
  readonly finalProducts: readonly FinalProduct[];
  readonly endings: readonly Ending[];
  readonly memory: readonly MemoryLife[];
  readonly faults: readonly { readonly kind: string; readonly from: number; readonly to: number }[];
  readonly startedAt: number;
  /** When the last fault was healed. */
  readonly healedAt: number;
  /** When everything on the log was decided; null: not in time. */
  readonly decidedAt: number | null;
  /** How long Redis and PostgreSQL differed after that, in milliseconds; null: longer than was looked. */
  readonly redisEqualAfterMs: number | null;
  readonly redisDifferences: readonly string[];
  /** The command line's own audit. */
  readonly secondOpinion: { readonly code: number | null; readonly output: string };
};
