import { Type } from "typebox";
import type { Static } from "typebox";
import { limits } from "../../limits.ts";
import { productSorts } from "../../stores/catalogue-store.ts";
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
  WebAddress,
} from "./fields.ts";
import { partProblemFields } from "./problem.ts";

const Name = Text(limits.nameCharsMax, "What it is called");
const Category = Text(limits.categoryCharsMax, "Where it is listed");
const Description = Text(limits.descriptionCharsMax, "What it is", 0);

const ImageUrl = WebAddress("Where a picture of it is");
const LowStockAt = Type.Integer({
  minimum: 0,
  maximum: limits.stockMax,
  description: "From so few units on an alert is raised",
});

export const CreateProductBody = Closed(
  {
    id: Absent(ProductId),
    name: Name,
    category: Category,
    priceCents: PriceCents,
    currency: Absent(Currency),
    description: Absent(Description),
    imageUrl: Absent(ImageUrl),
    initialStock: Absent(
      Type.Integer({ minimum: 0, maximum: limits.quantityMax, description: "Units of the first delivery; default 0" }),
    ),
    lowStockAt: Absent(LowStockAt),
  },
  { id: exampleIds.product, name: "Chair", category: "chairs", priceCents: 4_900, initialStock: 5 },
);
export type CreateProductBody = Static<typeof CreateProductBody>;

/** A line of an import or an export. */
export const importedExample = {
  id: exampleIds.product,
  name: "Chair",
  category: "chairs",
  priceCents: 4_900,
  initialStock: 5,
};
export const ImportedProduct = Closed({ ...CreateProductBody.properties, id: ProductId }, importedExample);
export type ImportedProduct = Static<typeof ImportedProduct>;

export const ImportResult = Named(
  "ImportResult",
  {
    line: Type.Integer({ minimum: 1, description: "The line's number in the body" }),
    id: Type.Optional(ProductId),
    status: Type.Enum(["created", "changed", "unchanged", "failed"], { description: "What became of it" }),
    revision: Type.Optional(Nullable(Type.Integer({ description: "The product's revision now" }))),
    ...partProblemFields,
  },
  { line: 1, id: exampleIds.product, status: "created", revision: 1 },
);
export type ImportResult = Static<typeof ImportResult>;

export const ImportQuery = Closed({
  dryRun: Type.Optional(Type.Boolean({ description: "Write nothing, and tell what would have been" })),
});
export const ExportQuery = Closed({ category: Type.Optional(Category) });

const productExample = {
  id: exampleIds.product,
  name: "Chair",
  category: "chairs",
  priceCents: 4_900,
  currency: "EUR",
  description: null,
  imageUrl: null,
  lowStockAt: null,
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
    imageUrl: Nullable(Type.String({ description: "Where a picture of it is" })),
    lowStockAt: Nullable(Type.Integer({ description: "From so few units on an alert is raised; null: none is" })),
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

/** Members that are absent stay as they are; description, picture and threshold may be taken away with null. */
export const ChangeProductBody = Type.Refine(
  Closed(
    {
      name: Type.Optional(Name),
      category: Type.Optional(Category),
      priceCents: Type.Optional(PriceCents),
      currency: Type.Optional(Currency),
      description: Absent(Description),
      imageUrl: Absent(ImageUrl),
      lowStockAt: Absent(LowStockAt),
    },
    { priceCents: 4_500 },
  ),
  (change) => Object.keys(change).length > 0,
  () => "must change something",
);
export type ChangeProductBody = Static<typeof ChangeProductBody>;

export const IfMatchHeaders = Type.Object({
  "if-match": Type.Optional(
    Type.String({
      maxLength: limits.ifMatchCharsMax,
      description:
        "`ETag` of what was read; only its revision counts, so that orders in between are no conflict. `*`: whatever it is now",
      examples: ['"3-17"'],
    }),
  ),
});

export const ListProductsQuery = Closed({
  q: Type.Optional(Text(limits.searchCharsMax, "What is looked for: each word, or its beginning, or nearly the name")),
  category: Type.Optional(Category),
  inStock: Type.Optional(
    Type.Boolean({ description: "Only those of which there are units, or of which there are none" }),
  ),
  archived: Type.Optional(
    Type.Boolean({ description: "Only products that are archived; without it, only those that are not" }),
  ),
  minPriceCents: Type.Optional(PriceCents),
  maxPriceCents: Type.Optional(PriceCents),
  sort: Type.Optional(
    Type.Enum([...productSorts], { description: "`relevance` needs `q`, and is the default with it; else `id` is" }),
  ),
  ...PageQuery,
});
export type ListProductsQuery = Static<typeof ListProductsQuery>;
export const ProductPage = Named(
  "ProductPage",
  { products: Type.Array(Product, { description: "In the order that was asked for" }), next: NextCursor },
  { products: [productExample], next: null },
);

export const Categories = Named(
  "Categories",
  {
    categories: Type.Array(
      Type.Object({
        name: Type.String({ description: "As products have it: the filter of their listing" }),
        products: Type.Integer({ description: "How many have it" }),
      }),
      { description: "In the order of their names" },
    ),
  },
  { categories: [{ name: "chairs", products: 12 }] },
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
