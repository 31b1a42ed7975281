import { Type } from "typebox";
import type { Static } from "typebox";
import { limits } from "../../limits.ts";
import {
  Absent,
  Closed,
  Currency,
  NextCursor,
  Nullable,
  PageQuery,
  PriceCents,
  ProductId,
  Quantity,
  Text,
  Uuid,
} from "./fields.ts";

const Name = Text(limits.nameCharsMax, "What it is called");
const Category = Text(limits.categoryCharsMax, "Where it is listed");
const Description = Text(limits.descriptionCharsMax, "What it is", 0);

export const CreateProductBody = Closed({
  id: Absent(ProductId),
  name: Name,
  category: Category,
  priceCents: PriceCents,
  currency: Absent(Currency),
  description: Absent(Description),
  initialStock: Absent(
    Type.Integer({ minimum: 0, maximum: limits.quantityMax, description: "Units of the first delivery; default 0" }),
  ),
});
export type CreateProductBody = Static<typeof CreateProductBody>;

export const Product = Type.Object({
  id: ProductId,
  name: Type.String(),
  category: Type.String(),
  priceCents: PriceCents,
  currency: Currency,
  description: Nullable(Type.String()),
  quantity: Type.Integer({ description: "Units in stock, a moment ago" }),
  version: Type.Integer({ description: "Stock version; 0: no stock command is decided yet" }),
  revision: Type.Integer({ description: "Grows when the product's description changes" }),
});
export type Product = Static<typeof Product>;

export const CreatedProduct = Type.Object({
  ...Product.properties,
  initialStock: Type.Object({
    commandId: Uuid("The first delivery's command"),
    quantity: Type.Integer(),
    status: Type.Enum(["pending", "accepted"]),
  }),
});

export const ProductParams = Type.Object({ id: ProductId });
export const ListProductsQuery = Closed({ ...PageQuery });
export const ProductPage = Type.Object({ products: Type.Array(Product), next: NextCursor });

const Reference = Text(limits.referenceCharsMax, "The caller's own word for it, such as a delivery note's number");

export const RestockBody = Closed({ quantity: Quantity, reference: Absent(Reference) });

export const CountBody = Closed({
  quantity: Type.Integer({ minimum: 0, maximum: limits.stockMax, description: "Units counted" }),
  asOfVersion: Absent(
    Type.Integer({
      minimum: 1,
      // Avro's longs, as JavaScript writes them, end one below.
      maximum: Number.MAX_SAFE_INTEGER - 1,
      description: "The stock version at the time of counting: orders since then stay sold. Without it, now",
    }),
  ),
  reference: Absent(Reference),
});
