import getPort from "get-port";

/** Chooses a port on 127.0.0.1 that nobody listens on. */
export type ChoosePort = (preferred: number, service: string) => Promise<number>;

/** For development: the service's usual port, or a free one when it is taken, which is said. */
export function preferUsual(log: (line: string) => void): ChoosePort {
  return async (preferred, service) => {
    const port = await getPort({ port: [preferred, ...scattered()], host });
    if (port !== preferred) log(`Port ${String(preferred)} is taken; ${service} gets ${String(port)}.`);
    return port;
  };
}

/** For tests and further profiles: any free port, so that several sets of services start beside each other. */
export const anyFree: ChoosePort = () => getPort({ port: scattered(), host });

const host = "127.0.0.1";

/**
 * Candidates in random order below the range that the kernel gives to outgoing connections (32768 on Linux): one from that range may be
 * taken between the choice and the bind, and two sets that start at once should not try the same ones in the same order.
 */
function scattered(): number[] {
  return Array.from({ length: 50 }, () => 20_000 + Math.floor(Math.random() * 12_000));
}
