/**
 * The auditor: looks at what a run has left, from outside, and says what is wrong, a sentence each. It shares no code with
 * src/, and needs no service: what it judges are plain values (evidence.ts).
 */
import { wrongInLedger, wrongOnTopic } from "./decided.ts";
import type { Evidence } from "./evidence.ts";
import { wrongOrder } from "./order.ts";
import { bounds, tooFew, wrongAnswers, wrongEndings, wrongInRedis, wrongMemory, wrongProgress } from "./quiet.ts";
import { wrongInStock } from "./stock.ts";
import { wrongSince } from "./undone.ts";

/** What holds, and how a run is asked; undefined: it can't be judged. */
export const checks = {
  C1: { holds: "what was acknowledged lies on the topic as it was sent", wrong: wrongOnTopic },
  C2: { holds: "what was acknowledged is decided exactly once, and nothing else is", wrong: wrongInLedger },
  C3: { holds: "nothing that was seen is undone", wrong: wrongSince },
  C4: { holds: "nothing is oversold, and the ledger adds up to the stock", wrong: wrongInStock },
  C5: { holds: "a product's commands are decided in the order in which they were acknowledged", wrong: wrongOrder },
  C6: {
    holds: `Redis is equal to PostgreSQL ${bounds.redisEqualMs / 1_000} s after all is decided`,
    wrong: wrongInRedis,
  },
  C7: { holds: `all is decided ${bounds.progressMs / 1_000} s after the last fault`, wrong: wrongProgress },
  C8: { holds: "no process has ended that was not ended by the run", wrong: wrongEndings },
  C9: {
    holds: `the peak of resident memory in a life's last third is at most ${bounds.memoryGrowthMax} times its first third's`,
    wrong: wrongMemory,
  },
  C10: { holds: "tallyman audit finds no difference", wrong: wrongBySecondOpinion },
  C11: { holds: `at least ${bounds.decisionsMin} commands are decided`, wrong: tooFew },
  C12: { holds: "every answer is one that is documented, and reads say what is stored", wrong: wrongAnswers },
} as const satisfies Record<string, { holds: string; wrong: (evidence: Evidence) => string[] | undefined }>;

export type CheckNumber = keyof typeof checks;

export type Verdict = {
  readonly number: CheckNumber;
  readonly holds: string;
  readonly judged: boolean;
  readonly complaints: readonly string[];
};

export function judge(evidence: Evidence): Verdict[] {
  return (Object.keys(checks) as CheckNumber[]).map((number) => {
    const { holds, wrong } = checks[number];
    const complaints = wrong(evidence);
    return { number, holds, judged: complaints !== undefined, complaints: complaints ?? [] };
  });
}

/** C10 */
function wrongBySecondOpinion({ secondOpinion: { code, output } }: Evidence): string[] {
  return code === 0 ? [] : [`it ended with ${String(code)}:`, ...output.trim().split("\n").slice(0, 20)];
}
