/** What a processor's GET /metrics says of its commits. */
export type CommitMetrics = {
  readonly commits: number;
  readonly meanGroup: number;
  readonly meanCommitMs: number;
  readonly fenced: number;
};

async function readMetrics(url: string): Promise<(name: string) => number> {
  const lines = (await (await fetch(`${url}/metrics`)).text()).split("\n");
  return (name) => {
    const line = lines.find((each) => each.startsWith(`${name} `));
    if (line === undefined) throw new Error(`${url}/metrics has no ${name}.`);
    return Number(line.slice(name.length));
  };
}

/** Commands of this api that the log has acknowledged. */
export async function readAppends(url: string): Promise<number> {
  return (await readMetrics(url))("tallyman_appends_total");
}

/** Decisions of this processor that the decisions topic has acknowledged. */
export async function readDecisionsTold(url: string): Promise<number> {
  return (await readMetrics(url))("tallyman_decisions_told_total");
}

export async function readCommitMetrics(url: string): Promise<CommitMetrics> {
  const value = await readMetrics(url);
  const mean = (name: string): number => value(`${name}_sum`) / Math.max(1, value(`${name}_count`));
  return {
    commits: value("tallyman_commits_total"),
    meanGroup: mean("tallyman_group_commands"),
    meanCommitMs: mean("tallyman_commit_seconds") * 1000,
    fenced: value("tallyman_fenced_total"),
  };
}
