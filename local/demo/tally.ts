/** What has happened so far, for the line that says so. */
export type Tally = {
  orders: number;
  refused: number;
  cancelled: number;
  packed: number;
  onTheirWay: number;
  delivered: number;
  restocked: number;
};

export const createTally = (): Tally => ({
  ...{ orders: 0, refused: 0, cancelled: 0, packed: 0 },
  ...{ onTheirWay: 0, delivered: 0, restocked: 0 },
});

export function statusLine({ orders, refused, cancelled, packed, onTheirWay, delivered, restocked }: Tally): string {
  const time = new Date().toLocaleTimeString("en-GB");
  return (
    `  ${time}  ${orders} orders (${refused} refused, ${cancelled} cancelled), ${packed} packed, ${onTheirWay} on their way, ` +
    `${delivered} delivered, ${restocked} restocked`
  );
}
