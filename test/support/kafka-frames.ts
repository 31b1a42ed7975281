/**
 * What a proxy must know of Kafka's protocol: where a message ends, which answers belong to produce requests, and which ones
 * name the broker, so that the proxy's own address can be put in its place and clients come back to it.
 */
const sizeBytes = 4;
const produceKey = 0;
/** Metadata, FindCoordinator, DescribeCluster. */
const namingKeys: ReadonlySet<number> = new Set([3, 10, 60]);

export type Broker = { readonly host: string; readonly port: number };

/** Collects bytes and calls back with each whole message: a size of four bytes and what follows. */
export function splitFrames(frame: (bytes: Buffer) => void): (bytes: Buffer) => void {
  let parts: Buffer[] = [];
  let held = 0;
  return (bytes) => {
    parts.push(bytes);
    held += bytes.length;
    while (held >= sizeBytes) {
      // The size may lie across two parts.
      if ((parts[0]?.length ?? 0) < sizeBytes) parts = [Buffer.concat(parts)];
      const end = sizeBytes + (parts[0]?.readInt32BE(0) ?? 0);
      if (held < end) return;
      const whole = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
      const rest = whole.subarray(end);
      parts = rest.length === 0 ? [] : [rest];
      held = rest.length;
      frame(whole.subarray(0, end));
    }
  };
}

export type KafkaTalk = {
  /** Whether it is a produce request. */
  request(frame: Buffer): { readonly isProduce: boolean };
  /** Whether it answers a produce request; the broker's address in it has become ours. */
  answer(frame: Buffer): { readonly isProduce: boolean };
};

/** One connection's requests and answers; they are told apart by their correlation ids. */
export function followTalk(broker: Broker, ourPort: () => number): KafkaTalk {
  const open = new Map<number, number>();
  const address = (port: number): Buffer => {
    const bytes = Buffer.alloc(broker.host.length + 4);
    bytes.write(broker.host);
    bytes.writeInt32BE(port, broker.host.length);
    return bytes;
  };
  return {
    request: (frame) => {
      const key = frame.readInt16BE(sizeBytes);
      open.set(frame.readInt32BE(sizeBytes + 4), key);
      return { isProduce: key === produceKey };
    },
    answer: (frame) => {
      const correlation = frame.readInt32BE(sizeBytes);
      const key = open.get(correlation);
      open.delete(correlation);
      if (key !== undefined && namingKeys.has(key)) {
        const [theirs, ours] = [address(broker.port), address(ourPort())];
        for (let at = frame.indexOf(theirs); at !== -1; at = frame.indexOf(theirs, at + 1)) ours.copy(frame, at);
      }
      return { isProduce: key === produceKey };
    },
  };
}
