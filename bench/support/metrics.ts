/** What a processor's GET /metrics says of its commits. */
export type CommitMetrics = {
  readonly commits: number;
  readonly meanGroup: number;
  readonly meanCommitMs: number;
  readonly fenced: number;
};

export async function readCommitMetrics(url: string): Promise<CommitMetrics> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = (name: string): number => {
    const line = text.split("\n").find((each) => each.startsWith(`${name} `));
    if (line === undefined) throw new Error(`${url}/metrics has no ${name}.`);
    return Number(line.slice(name.length));
  };
  const mean = (name: string): number => value(`${name}_sum`) / Math.max(1, value(`${name}_count`));
  return {
    commits: value("tallyman_commits_total"),
    meanGroup: mean("tallyman_group_commands"),
    meanCommitMs: mean("tallyman_commit_seconds") * 1000,
    fenced: value("tallyman_fenced_total"),
  };
}
