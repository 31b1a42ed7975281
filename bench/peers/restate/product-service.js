// A virtual object for each product: Restate runs one `place` of a product after another, and keeps its state. Run from where the packages
// are installed (install.ts), not from here.
import { createServer } from "node:http2";
import * as restate from "@restatedev/restate-sdk";

/** Under "book" is what is left and what there was; under "order:ID" is what became of an order. */
const nothing = { units: 0, left: 0 };

const product = restate.object({
  name: "Product",
  // All of an object's state would be sent with every order else, and a hot product's is long.
  options: { enableLazyState: true },
  handlers: {
    stock: async (ctx, units) => {
      const book = (await ctx.get("book")) ?? nothing;
      ctx.set("book", { units: book.units + units, left: book.left + units });
    },
    place: async (ctx, { orderId, quantity }) => {
      const known = orderId === undefined ? null : await ctx.get(`order:${orderId}`);
      const id = orderId ?? ctx.rand.uuidv4();
      const { units, left } = (await ctx.get("book")) ?? nothing;
      const order = known ?? { status: quantity <= left ? "accepted" : "rejected", quantity };
      if (known === null) {
        ctx.set(`order:${id}`, order);
        if (order.status === "accepted") ctx.set("book", { units, left: left - quantity });
      }
      if (order.status === "rejected") throw new restate.TerminalError("insufficient stock", { errorCode: 409 });
      return { orderId: id, productId: ctx.key, ...order };
    },
  },
});

// restate.serve would listen on all addresses of the machine.
createServer(restate.createEndpointHandler({ services: [product] })).listen(Number(process.env.PORT), "127.0.0.1");
