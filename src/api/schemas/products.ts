import { Type } from "typebox";
import type { Static } from "typebox";
import { limits } from "../../limits.ts";
import {
  Absent,
  Closed,
  Currency,
  exampleIds,
  Named,
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

export const CreateProductBody = Closed(
  {
    id: Absent(ProductId),
    name: Name,
    category: Category,
    priceCents: PriceCents,
    currency: Absent(Currency),
    description: Absent(Description),
    initialStock: Absent(
      Type.Integer({ minimum: 0, maximum: limits.quantityMax, description: "Units of the first delivery; default 0" }),
    ),
  },
  { id: exampleIds.product, name: "Chair", category: "chairs", priceCents: 4_900, initialStock: 5 },
);
export type CreateProductBody = Static<typeof CreateProductBody>;

const productExample = {
  id: exampleIds.product,
  name: "Chair",
  category: "chairs",
  priceCents: 4_900,
  currency: "EUR",
  description: null,
  quantity: 5,
  version: 1,
  revision: 1,
  archived: false,
};

export const Product = Named(
  "Product",
  {
    id: ProductId,
    name: Type.String({ description: "What it is called" }),
    category: Type.String({ description: "Where it is listed" }),
    priceCents: PriceCents,
    currency: Currency,
    description: Nullable(Type.String({ description: "What it is" })),
    quantity: Type.Integer({ description: "Units in stock, a moment ago" }),
    version: Type.Integer({ description: "Stock version; 0: no stock command is decided yet" }),
    revision: Type.Integer({ description: "Grows when the product's description changes" }),
    archived: Type.Boolean({ description: "Orders for it are refused; as it was a moment ago" }),
  },
  productExample,
);
export type Product = Static<typeof Product>;

export const CreatedProduct = Named(
  "CreatedProduct",
  {
    ...Product.properties,
    initialStock: Type.Object(
      {
        commandId: Uuid("The first delivery's command"),
        quantity: Type.Integer({ description: "Its units" }),
        status: Type.Enum(["pending", "accepted"]),
      },
      { description: "The first delivery" },
    ),
  },
  { ...productExample, initialStock: { commandId: exampleIds.command, quantity: 5, status: "accepted" } },
);

export const ProductParams = Type.Object({ id: ProductId });
export const ListProductsQuery = Closed({ ...PageQuery });
export const ProductPage = Named(
  "ProductPage",
  { products: Type.Array(Product, { description: "In the order of their ids" }), next: NextCursor },
  { products: [productExample], next: null },
);

const Reference = Text(limits.referenceCharsMax, "The caller's own word for it, such as a delivery note's number");

export const RestockBody = Closed(
  { quantity: Quantity, reference: Absent(Reference) },
  { quantity: 20, reference: "delivery-7" },
);

export const CountBody = Closed(
  {
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
  },
  { quantity: 24, asOfVersion: 4 },
);
