/**
 * The ingress in a world of its own: a log, a processor that decides with the real decider when the test lets it, the cache
 * in memory, a store that can be switched off. Everything is told over HTTP (`app.inject`), as a caller would.
 */
import type { InjectOptions, LightMyRequestResponse } from "fastify";
import { pino } from "pino";
import { buildServer } from "../../src/api/server.ts";
import type { ApiServer } from "../../src/api/api-server.ts";
import type { TopicNames } from "../../src/api/plugins/asyncapi-document.ts";
import type { LiveLimits } from "../../src/api/live/live.ts";
import type { WriterLimits } from "../../src/api/order-writer.ts";
import { systemClock } from "../../src/clock.ts";
import { limits } from "../../src/limits.ts";
import { LogUnavailable } from "../../src/log/log.ts";
import type { AppendRecord } from "../../src/log/log.ts";
import { createHealth, dependencyNames } from "../../src/ops/health.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { letterOfCommand } from "../../src/processors/letters.ts";
import { decide, evolve } from "../../src/processors/stock.ts";
import type { Command } from "../../src/schemas/commands.ts";
import { noticeOf, stockNotice } from "../../src/schemas/decision-feed.ts";
import type { Line, Stock, StoredLine } from "../../src/schemas/lines.ts";
import { decidedOrder } from "../../src/schemas/order-document.ts";
import type { CatalogueStore, Product } from "../../src/stores/catalogue-store.ts";
import type { DriverStore } from "../../src/stores/driver-store.ts";
import { StoreUnavailable } from "../../src/stores/ledger-store.ts";
import type { KeptLetter } from "../../src/stores/dead-letter-store.ts";
import { createMemoryCatalogue } from "../../src/stores/memory/catalogue-store.ts";
import { createMemoryFulfilmentStore } from "../../src/stores/memory/fulfilment-store.ts";
import { createMemoryTrackingStore } from "../../src/stores/memory/tracking-store.ts";
import type { TrackingStore } from "../../src/stores/tracking-store.ts";
import type { FulfilmentStore } from "../../src/stores/fulfilment-store.ts";
import { createMemoryCache } from "../../src/stores/memory/effects-cache.ts";
import { createMemoryDriverPositions } from "../../src/stores/memory/driver-positions.ts";
import { createMemoryDriverStore } from "../../src/stores/memory/driver-store.ts";
import { createMemoryLowStockStore } from "../../src/stores/memory/low-stock-store.ts";
import { createMemoryWebhookStore } from "../../src/stores/memory/webhook-store.ts";
import type { AuditResult } from "../../src/stores/audit-result-store.ts";
import type { LowStockAlert } from "../../src/stores/low-stock-store.ts";
import type { Delivery, WebhookStore } from "../../src/stores/webhook-store.ts";
import { createMemoryPartitionMapStore } from "../../src/stores/memory/partition-map-store.ts";
import type { DecisionListener } from "../../src/stores/decision-feed.ts";
import type { PageCache } from "../../src/stores/page-cache.ts";
import type { OrderReads, Page, TimePosition } from "../../src/stores/order-reads.ts";
import type { OpenApi } from "../../local/http-reference/openapi.ts";
import { simCodec } from "../simulation/sim-log.ts";
import { createDeclaredAnswers } from "./declared-answers.ts";
import type { DeclaredAnswers } from "./declared-answers.ts";

type Logged = { readonly command: Command; readonly partition: number; readonly offset: number };
export const partitionCount = 4;
/** Also where a test lets other time pass. */
const monotonic = performance.now.bind(performance);
/** Made once: all worlds have the same routes. */
let declared: DeclaredAnswers | undefined;

export class ApiWorld {
  readonly health = createHealth();
  readonly metrics = createMetrics({ defaults: false });
  readonly cache = createMemoryCache();
  /** Undefined: PostgreSQL is read for each page. */
  pages: PageCache | undefined;
  readonly maps = createMemoryPartitionMapStore();
  readonly positions = createMemoryDriverPositions({ now: () => this.clock?.() ?? Date.now() });
  /** The oldest first. */
  readonly alerts: LowStockAlert[] = [];
  readonly deliveries: Delivery[] = [];
  readonly audits: AuditResult[] = [];
  readonly log: Logged[] = [];
  readonly lines = new Map<string, StoredLine>();
  readonly steps = createMemoryFulfilmentStore(this.lines, () => Date.now());
  readonly drivers = createMemoryDriverStore({
    statusOf: (orderId) => this.lines.get(orderId)?.status,
    deliveredAt: (orderId) => this.delivered.get(orderId) ?? this.steps.deliveredAt(orderId),
  });
  /** When each was delivered, by nobody's request. */
  readonly delivered = new Map<string, number>();
  readonly stock = new Map<string, Stock>();
  readonly products = new Map<string, Product>();
  /** Commands that wait for a parked product. */
  readonly waiting: Logged[] = [];
  readonly logLines: Record<string, unknown>[] = [];
  /** Decide at once whatever is appended. */
  decides = true;
  /** Tell Redis and the feed what is decided. */
  tells = true;
  storeAway = false;
  logAway = false;
  /** Appends wait for this. */
  held: Promise<void> = Promise.resolve();
  catalogueQuestions = 0;
  trackingQuestions = 0;
  /** While the store was away. */
  questionsRefused = 0;
  /** Answers of the store wait for this. */
  storeHeld: Promise<void> | undefined;
  clock: (() => number) | undefined;
  storeAwayBacklogRecordsMax: number | undefined;
  requestsUnderWayMax: number | undefined;
  liveBounds: Partial<LiveLimits> | undefined;
  /** What hears of decisions. */
  feed: DecisionListener = undefined as never;
  productQuotas: boolean | undefined;
  writerBounds: Partial<WriterLimits> | undefined;
  appendsUnderWay = 0;
  topics: TopicNames = { orders: "orders", deadLetters: "orders.dead-letter", decisions: "decisions" };
  app: ApiServer = undefined as never;
  #decided = 0;
  readonly #owner = this.cache.effectsCache(() => Promise.resolve(true));

  async open(): Promise<this> {
    this.health.set(dependencyNames.store, true, "up");
    await this.maps.create(partitionCount);
    const logger = pino({ level: "debug" }, { write: (text) => this.logLines.push(JSON.parse(text) as never) });
    this.app = await buildServer({
      topics: this.topics,
      codec: simCodec,
      letters: { undecided: (ids) => this.#undecided(ids) },
      appender: { append: (records) => this.#append(records) },
      inspector: { ends: () => this.#ends() },
      map: this.maps.current() ?? { version: 1, partitionCount, growth: null, changedAt: 0 },
      maps: this.maps,
      logAdmin: { partitionCounts: () => Promise.resolve([partitionCount]) },
      catalogue: this.#catalogue(),
      orders: this.#orders(),
      fulfilments: this.#fulfilments(),
      tracking: this.#tracking(),
      cache: this.cache.readCache(),
      pages: this.pages === undefined ? undefined : { cache: this.pages, isRead: true },
      drivers: this.#drivers(),
      positions: this.positions,
      teller: { tell: (changes) => (this.tells ? this.cache.changeTeller().tell(changes) : Promise.resolve()) },
      lowStock: this.#lowStock(),
      webhooks: this.#webhooks(),
      audits: {
        list: (before, limit) =>
          this.#ask(() =>
            this.audits
              .filter(({ id }) => before === null || id < before)
              .toReversed()
              .slice(0, limit),
          ),
      },
      checkWebhookAddress: (url) => Promise.resolve(url.startsWith("https://refused") ? "it is refused" : null),
      startFeed: (listener) => {
        const close = this.cache.subscribe((message) => {
          listener.decidedUpTo(message.decidedUpTo);
          if (listener.follows()) listener.changed(message.changes);
          if (listener.wanted()) listener.told(message);
        });
        this.feed = listener;
        listener.heard();
        return { close };
      },
      health: this.health,
      metrics: this.metrics,
      logger,
      liveBounds: this.liveBounds,
      clock: { ...systemClock, monotonic, now: () => this.clock?.() ?? Date.now() },
      ...(this.storeAwayBacklogRecordsMax !== undefined && {
        storeAwayBacklogRecordsMax: this.storeAwayBacklogRecordsMax,
      }),
      ...(this.writerBounds !== undefined && { writerBounds: { ...limits, ...this.writerBounds } }),
      ...(this.productQuotas !== undefined && { productQuotas: this.productQuotas }),
      ...(this.requestsUnderWayMax !== undefined && { requestsUnderWayMax: this.requestsUnderWayMax }),
    });
    this.#holdAnswers();
    return this;
  }

  /** From now on an answer that its route does not declare fails whoever asked. */
  #holdAnswers(): void {
    declared ??= createDeclaredAnswers(this.app.swagger() as unknown as OpenApi);
    const isDeclared = declared;
    const inject = this.app.inject.bind(this.app) as (options: InjectOptions) => Promise<LightMyRequestResponse>;
    const held = async (options: InjectOptions): Promise<LightMyRequestResponse> => {
      const answer = await inject(options);
      const { statusCode: status, headers, body } = answer;
      const { method = "GET", url = "/" } = options;
      const wrong = isDeclared({ method, url: typeof url === "string" ? url : url.pathname, status, headers, body });
      if (wrong !== null) throw new Error(wrong);
      return answer;
    };
    Reflect.set(this.app, "inject", held);
  }

  /** Puts a command straight into the log, as another producer would. */
  produce(command: Command, partition = 0): Logged {
    const logged = { command, partition, offset: this.#next(partition) };
    this.log.push(logged);
    return logged;
  }

  /** Decides what is in the log and tells of it, if the world tells. */
  async decide(): Promise<void> {
    const decidedAt = Date.now();
    for (; this.#decided < this.log.length; this.#decided++) {
      const logged = this.log[this.#decided];
      if (logged === undefined) break;
      const { command } = logged;
      const decision = decide(
        {
          stock: this.stock.get(command.productId),
          line: this.lines.get(command.commandId),
          order: "orderId" in command ? this.lines.get(command.orderId) : undefined,
          stockAtVersion: undefined,
        },
        logged,
      );
      const changed =
        decision.kind === "decided" ? [...decision.lines, ...decision.changes.map(({ line }) => line)] : [];
      for (const line of changed) this.lines.set(line.commandId, { ...line, decidedAt });
      const stock = evolve(decision.answer, this.stock.get(command.productId));
      if (decision.kind === "decided" && stock !== undefined) this.stock.set(command.productId, stock);
      if (this.tells) await this.#tell(logged, decision.answer, changed, decidedAt);
    }
  }

  addProduct(fields: Partial<Product> = {}, quantity?: number): Product {
    const product: Product = {
      id: "p1",
      name: "Chair",
      category: "furniture",
      priceCents: 1_250,
      currency: "EUR",
      description: null,
      imageUrl: null,
      initialStock: 0,
      lowStockAt: null,
      revision: 1,
      archived: false,
      ...fields,
    };
    this.products.set(product.id, product);
    if (quantity !== undefined) this.stock.set(product.id, { quantity, version: 1 });
    return product;
  }

  async #tell({ partition, offset }: Logged, answer: Line, changed: readonly Line[], decidedAt: number): Promise<void> {
    // What was decided before is told again, as processors do: the caller who sends it again has marked it again.
    const orders = [answer, ...changed]
      .filter(({ type }) => type === "PlaceOrder")
      .map((line) => {
        const at = this.lines.get(line.commandId)?.decidedAt ?? decidedAt;
        return { orderId: line.commandId, document: () => decidedOrder(line, at) };
      });
    const now = this.stock.get(answer.productId);
    const stock = now === undefined ? [] : [{ productId: answer.productId, ...now, isHome: true }];
    const noted = this.cache.moment();
    await this.#owner.apply([{ partition, epoch: 1, partitionCount, noted, stock, orders }]).catch(() => undefined);
    await this.#owner
      .publish({
        decidedUpTo: [[partition, offset + 1]],
        decidedAt,
        decisions: [noticeOf(answer)],
        changes: {
          stock: stock.map((each) => stockNotice(each.productId, each)),
          orders: changed.map(({ commandId, revision }) => [commandId, revision]),
        },
      })
      .catch(() => undefined);
  }

  async #append(records: readonly AppendRecord[]): Promise<number[]> {
    this.appendsUnderWay += 1;
    await this.held;
    this.appendsUnderWay -= 1;
    if (this.logAway) throw new LogUnavailable("the log is switched off");
    const offsets = records.map(({ partition, value }) => {
      const command = JSON.parse(String(value)) as Command;
      return this.produce(command, partition).offset;
    });
    if (this.decides) setImmediate(() => void this.decide());
    return offsets;
  }

  #ends() {
    if (this.logAway) return Promise.reject(new LogUnavailable("the log is switched off"));
    const partitions = Array.from({ length: partitionCount }, (_, partition) => partition);
    return Promise.resolve(
      new Map(partitions.map((partition) => [partition, { low: 0, high: this.#next(partition) }])),
    );
  }

  #next(partition: number): number {
    return this.log.filter((logged) => logged.partition === partition).length;
  }

  #ask<Result>(answer: () => Result | Promise<Result>): Promise<Result> {
    if (this.storeAway) {
      this.questionsRefused++;
      return Promise.reject(new StoreUnavailable("PostgreSQL is switched off"));
    }
    return this.storeHeld === undefined ? Promise.resolve(answer()) : this.storeHeld.then(answer);
  }

  /** Letters of the commands in `waiting`. */
  #undecided(ids: readonly string[]): Promise<(KeptLetter | null)[]> {
    const letters = this.waiting.map((logged, letterId): KeptLetter => {
      const letter = letterOfCommand(logged, "waiting", "product_parked", (command) => simCodec.encode(command));
      return {
        ...letter,
        letterId,
        storedAt: 0,
        outcome: null,
        settledAt: null,
        redrivenAs: null,
        settledBecause: null,
      };
    });
    return this.#ask(() => ids.map((id) => letters.find(({ commandId }) => commandId === id) ?? null));
  }

  #catalogue(): CatalogueStore {
    const catalogue = createMemoryCatalogue((productId) => this.stock.get(productId), this.products);
    return {
      create: (...wanted) => this.#ask(() => catalogue.create(...wanted)),
      products: (ids) => {
        this.catalogueQuestions++;
        return this.#ask(() => catalogue.products(ids));
      },
      change: (...change) => this.#ask(() => catalogue.change(...change)),
      putAll: (...put) => this.#ask(() => catalogue.putAll(...put)),
      list: (...listing) => this.#ask(() => catalogue.list(...listing)),
      categories: () => this.#ask(() => catalogue.categories()),
    };
  }

  #drivers(): DriverStore {
    const { drivers } = this;
    const asked = <Result>(ask: () => Promise<Result>) => this.#ask(() => undefined).then(ask);
    return {
      register: (driver) => asked(() => drivers.register(driver)),
      drivers: (ids) => asked(() => drivers.drivers(ids)),
      setDuty: (driverId, isOn) => asked(() => drivers.setDuty(driverId, isOn)),
      assign: (...assigned) => asked(() => drivers.assign(...assigned)),
      release: (...released) => asked(() => drivers.release(...released)),
      driversOf: (orderIds) => asked(() => drivers.driversOf(orderIds)),
      list: (...listing) => asked(() => drivers.list(...listing)),
    };
  }

  #lowStock() {
    const store = createMemoryLowStockStore(this.alerts, () => Date.now());
    return {
      alerts: (...asked: Parameters<typeof store.alerts>) => this.#ask(() => store.alerts(...asked)),
      acknowledge: (...asked: Parameters<typeof store.acknowledge>) => this.#ask(() => store.acknowledge(...asked)),
    };
  }

  #webhooks(): WebhookStore {
    const store = createMemoryWebhookStore(() => Date.now(), this.deliveries);
    const asked = new Proxy(store, {
      get: (all, name) => {
        const method = Reflect.get(all, name) as (...values: unknown[]) => Promise<unknown>;
        return (...values: unknown[]) => this.#ask(() => method(...values));
      },
    });
    return asked;
  }

  #fulfilments(): FulfilmentStore {
    const { steps } = this;
    return {
      steps: (ids) => this.#ask(() => steps.steps(ids)),
      advance: (...wanted) => this.#ask(() => steps.advance(...wanted)),
    };
  }

  #tracking(): TrackingStore {
    const store = createMemoryTrackingStore(this.steps, this.drivers);
    return {
      tracking: (ids) => {
        this.trackingQuestions++;
        return this.#ask(() => store.tracking(ids));
      },
    };
  }

  #orders(): OrderReads {
    const placed = () => [...this.lines.values()].filter(({ type }) => type === "PlaceOrder");
    const page = (lines: StoredLine[], limit: number): Page<TimePosition> => {
      const last = lines[limit - 1];
      const goesOn = lines.length > limit && last !== undefined;
      const position = goesOn ? { decidedAt: "2026-01-01 00:00:00+00", partition: 1, offset: 2 } : null;
      return { lines: lines.slice(0, limit), next: position };
    };
    return {
      lines: (ids) => this.#ask(() => ids.map((id) => this.lines.get(id) ?? null)),
      stock: (ids) => this.#ask(() => ids.map((id) => this.stock.get(id) ?? null)),
      progress: () =>
        this.#ask(() => {
          const progress = new Map<number, number>();
          for (const { partition, offset } of this.log.slice(0, this.#decided)) progress.set(partition, offset + 1);
          return progress;
        }),
      list: (filter, _after, limit) =>
        this.#ask(() => {
          const of = { customer: "customerId", basket: "basketId", product: "productId" } as const;
          const field = of[filter.by];
          return page(
            placed().filter((line) => line[field] === Reflect.get(filter, field)),
            limit,
          );
        }),
      listByStatus: (status, _after, limit) =>
        this.#ask(() => {
          const { lines, next } = page(
            placed().filter((line) => line.status === status),
            limit,
          );
          return { lines, next: next === null ? null : new Map([[1, 2]]) };
        }),
    };
  }
}

/** JSON of an answer; `unknown` fields are looked at by name. */
export const bodyOf = (answer: { readonly body: string }) => JSON.parse(answer.body) as Record<string, unknown>;
