/**
 * Categories that are followed: who follows one is told of each of its products, from then on, what those who follow the product are told.
 *
 * Who owns what: this object owns the categories, each while somebody follows it. A category follows its products as anybody does (topics.ts),
 * once for all who follow the category, and leaves them.
 *
 * I1 Which products it has is read from PostgreSQL when the first follower comes; then each product that is said to be in it now is looked
 *    at; and all is read again after a gap in the feed and now and then. A product leaves when it is known to be in another one, after that was told.
 * I2 Nothing is kept for a follower but the number of the change that was told last; of a product with several changes the newest is told.
 * I3 At most `liveCategoryProductsMax` products of all categories are followed here: a category that would be more is followed by nobody.
 */
import type { Clock } from "../../clock.ts";
import { limits } from "../../limits.ts";
import type { Changes } from "../../schemas/decision-feed.ts";
import type { CatalogueStore, ListingPosition } from "../../stores/catalogue-store.ts";
import { StoreUnavailable } from "../../stores/ledger-store.ts";
import { Problem, retrySoon } from "../problems.ts";
import { Category, CategoryFollower } from "./category-follower.ts";
import { tooManySubscribers } from "./topics.ts";
import type { LiveTopics } from "./topics.ts";

export type CategoryBounds = Pick<
  typeof limits,
  "liveFollowedMax" | "liveCategoryProductsMax" | "liveRecheckMs" | "liveUnheardMs"
>;

export type LiveCategoriesDeps = {
  readonly topics: Pick<LiveTopics, "follow">;
  readonly products: Pick<CatalogueStore, "list">;
  readonly bounds: CategoryBounds;
  readonly clock: Pick<Clock, "after">;
  /** Told of what is no service that is away. */
  readonly onError: (error: unknown) => void;
};

export class LiveCategories {
  readonly #deps: LiveCategoriesDeps;
  readonly #categories = new Map<string, Category>();
  #followers = 0;
  #products = 0;
  #isReading = false;
  #cancelReading: (() => void) | null = null;
  #isClosed = false;

  constructor(deps: LiveCategoriesDeps) {
    this.#deps = deps;
  }

  /** Rejects with `StoreUnavailable`, and when too much is followed. */
  async follow(name: string, calls: Pick<CategoryFollower, "wake" | "ended">): Promise<CategoryFollower> {
    if (this.#followers >= this.#deps.bounds.liveFollowedMax) throw tooManySubscribers();
    const category = this.#categories.get(name) ?? new Category(name);
    this.#categories.set(name, category);
    this.#followers += 1;
    const follower = new CategoryFollower(category, calls, () => {
      this.#followers -= 1;
      if (category.followers.size === 0) this.#close(category);
    });
    try {
      await (category.ready ??= this.#read(category));
      follower.open();
      this.#readLater(this.#deps.bounds.liveRecheckMs);
      return follower;
    } catch (error) {
      category.ready = null; // Who comes next reads it.
      follower.leave();
      throw error;
    }
  }

  follows(): boolean {
    return this.#categories.size > 0;
  }

  /** Messages may have been missed. */
  heard(): void {
    this.#cancelReading?.();
    this.#cancelReading = null;
    this.#readLater(0);
  }

  changed({ products = [] }: Pick<Changes, "products">): void {
    for (const [productId, , name] of products) {
      const category = this.#categories.get(name);
      if (category === undefined) continue;
      void this.#join(category, productId).catch((error: unknown) => this.#failed(category, error));
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelReading?.();
    for (const category of this.#categories.values()) this.#close(category);
  }

  async #read(category: Category): Promise<void> {
    let after: ListingPosition | null = null;
    do {
      const page = await this.#deps.products.list({ sort: "id", category: category.name }, after, limits.lookupIdsMax);
      await Promise.all(page.map(({ product }) => this.#join(category, product.id)));
      after = page.length < limits.lookupIdsMax ? null : (page.at(-1)?.position ?? null);
    } while (after !== null && this.#isFollowed(category));
  }

  async #join(category: Category, productId: string): Promise<void> {
    if (category.members.has(productId) || category.joining.has(productId)) return;
    if (this.#products >= this.#deps.bounds.liveCategoryProductsMax) throw tooManyProducts(); // I3
    this.#products += 1;
    category.joining.add(productId);
    try {
      const wake = (): void => this.#tell(category, productId);
      const member = await this.#deps.topics.follow({ kind: "product", id: productId, after: null, wake });
      category.joining.delete(productId);
      category.members.set(productId, member);
      if (!this.#isFollowed(category)) this.#leave(category, productId);
      else this.#tell(category, productId);
    } catch (error) {
      if (category.joining.delete(productId)) this.#products -= 1;
      throw error;
    }
  }

  #tell(category: Category, productId: string): void {
    const member = category.members.get(productId);
    if (member === undefined) return;
    for (let state = member.next(); state !== null; state = member.next()) category.note(productId, state);
    if (!category.has(member)) this.#leave(category, productId); // I1
    category.wake();
  }

  #leave(category: Category, productId: string): void {
    category.members.get(productId)?.leave();
    if (category.members.delete(productId)) this.#products -= 1;
  }

  #close(category: Category): void {
    if (this.#categories.get(category.name) === category) this.#categories.delete(category.name);
    for (const productId of [...category.members.keys()]) this.#leave(category, productId);
  }

  #isFollowed(category: Category): boolean {
    return this.#categories.get(category.name) === category;
  }

  #readLater(waitMs: number): void {
    if (this.#isReading || this.#isClosed || this.#cancelReading !== null || !this.follows()) return;
    this.#cancelReading = this.#deps.clock.after(waitMs, () => {
      this.#cancelReading = null;
      void this.#readAll();
    });
  }

  /** One after another, so that a slow PostgreSQL is not asked the more. */
  async #readAll(): Promise<void> {
    this.#isReading = true;
    let waitMs: number = this.#deps.bounds.liveRecheckMs;
    for (const category of [...this.#categories.values()]) {
      await this.#read(category).catch((error: unknown) => {
        if (error instanceof StoreUnavailable) waitMs = this.#deps.bounds.liveUnheardMs;
        this.#failed(category, error);
      });
    }
    this.#isReading = false;
    this.#readLater(waitMs);
  }

  #failed(category: Category, error: unknown): void {
    if (!(error instanceof Problem || error instanceof StoreUnavailable)) this.#deps.onError(error);
    // What could not be read is read again; a product that is not there is none of it.
    if (!(error instanceof Problem) || error.code !== "too_many_subscribers") return;
    for (const follower of [...category.followers]) {
      follower.leave();
      follower.ended(error);
    }
  }
}

const tooManyProducts = (): Problem =>
  new Problem(
    "too_many_subscribers",
    "This api follows as many products of categories as it may. Ask again soon, or poll.",
    {
      headers: retrySoon,
    },
  );
