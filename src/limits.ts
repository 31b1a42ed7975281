/**
 * Every bound of Tallyman in one place, with its unit in its name. How the bounds relate is asserted below, when this
 * file loads, so that a change of one that breaks another stops the process instead of surprising somebody at night.
 */
import assert from "node:assert/strict";

export const limits = {
  // Identity and content of a command.
  productIdCharsMax: 64,
  /** Units that one command may name. */
  quantityMax: 1_000_000,
  /** Units of one product that Tallyman keeps; fits a PostgreSQL integer. */
  stockMax: 1_000_000_000,
  priceCentsMax: 100_000_000,
  referenceCharsMax: 200,
  /** Who asked for a command, in UTF-16 units. */
  actorCharsMax: 100,
  customerIdCharsMax: 100,
  basketIdCharsMax: 100,
  addressCharsMax: 500,
  nameCharsMax: 200,
  categoryCharsMax: 100,
  descriptionCharsMax: 4_000,
  urlCharsMax: 2_000,
  searchCharsMax: 200,
  /** Words beyond these are not looked for. */
  searchWordsMax: 8,
  /** A search for one word of so few letters finds only names that begin with it: too much has such a word to be ranked. */
  searchShortLettersMax: 2,
  ifMatchCharsMax: 1_000,
  idempotencyKeyCharsMax: 200,

  // HTTP.
  httpBodyBytesMax: 256 * 1024,
  lookupIdsMax: 1_000,
  /** Of an array of orders, which is read as a whole; NDJSON has no bound. */
  batchArrayOrdersMax: 10_000,
  batchArrayBytesMax: 4 * 1024 * 1024,
  /** Orders of one request that are in the log's queue, or wait for their decision. */
  batchLinesInFlightMax: 4_000,
  /** Results that nobody reads; then the body is not read either. */
  batchResultBytesMax: 1024 * 1024,
  pageSizeDefault: 50,
  pageSizeMax: 200,
  waitSecondsMax: 30,
  waitersMax: 20_000,
  /** Requests that one api works on: as many as it answers in time, but never less and never more than these. */
  requestsUnderWayMin: 300,
  requestsUnderWayMax: 2_000,
  /** In time: what a request may take before fewer are let in. */
  requestMsMax: 250,
  /** Requests of many orders at once: each has up to 1.1 MiB of body and results in memory. */
  batchesUnderWayMax: 100,
  /** How often it is logged that requests are refused because there are too many. */
  overloadToldMs: 10_000,
  /** The widest body of a route that takes one command. */
  commandBodyBytesMax: 32 * 1024,
  /** A request must have arrived by then; long polls only begin after it. */
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 65_000,
  /** While the server closes, connections whose last request is answered are closed this often. */
  closeIdleIntervalMs: 50,
  /** Broken rules that one answer names. */
  validationErrorsMax: 20,
  cursorCharsMax: 8_192,
  /** How long a question waits for the proof that an id is unknown, and how often progress is read meanwhile (P17). */
  absenceProofWaitMs: 1_000,
  absenceProofPollMs: 25,
  /** A request waits this long for PostgreSQL. */
  readDeadlineMs: 2_000,
  /** After a failed refresh, a product that is known is believed this long without asking again. */
  catalogueRetryMs: 1_000,
  catalogueCacheEntriesMax: 100_000,
  catalogueCacheTtlMs: 5_000,
  healthProbeIntervalMs: 2_000,
  healthProbeDeadlineMs: 1_500,

  // Who follows orders and products (src/api/live/).
  /** Event streams and WebSockets of one api. */
  liveSubscribersMax: 10_000,
  /** Orders and products that they follow, all together, and by one WebSocket. */
  liveFollowedMax: 50_000,
  liveFollowedBySocketMax: 500,
  /** A product's stock is told this often at most: several versions in between are told as the last one. */
  liveStockIntervalMs: 50,
  /** What has nothing to tell says so this often, so that whoever is between keeps the connection. */
  liveBeatMs: 15_000,
  /** A subscriber that has not taken what there is for it for so long is dropped. */
  liveStallMs: 30_000,
  /** What was ended has so long to take the end; then its connection is cut. */
  liveEndMs: 1_000,
  /** Of a WebSocket: what is handed to it and not taken, what it says at once, and of how much. */
  liveSocketBufferBytes: 64 * 1024,
  liveSocketMessageBytesMax: 32 * 1024,
  liveSocketTopicsMax: 100,
  liveSocketInboxMax: 1_000,
  /** When a stream's client comes again, and over which time those are spread whom a closing server sends away. */
  liveRetryMs: 1_000,
  liveRetrySpreadMs: 4_000,
  /** How often those things are looked for that must be read again, and how many are read at once. */
  liveLookMs: 200,
  liveLookTopicsMax: 1_000,
  /** Everything that is followed is read again this often: without the feed, and with it, where a message was lost unnoticed. */
  liveUnheardMs: 2_000,
  liveRecheckMs: 30_000,
  /** A position, as clients bring it back. */
  livePositionCharsMax: 40,
  /** How often drivers of followed orders are looked for, and how many at once: the others the next time. */
  liveDriverMs: 1_000,
  liveDriversMax: 2_000,
  /** Products of all followed categories together. */
  liveCategoryProductsMax: 20_000,

  // The order writer of the ingress (P18).
  appendDeadlineMs: 5_000,
  appendBatchRecordsMax: 5_000,
  appendBatchBytesMax: 900_000,
  /** Orders of a batch that are one entry of the queue; more are several. */
  appendTogetherRecordsMax: 500,
  appendTogetherBytesMax: 200_000,
  appendQueueRecordsMax: 50_000,
  appendQueueBytesMax: 32 * 1024 * 1024,
  /** While the first record in the queue has waited for longer, no more are taken: those would not be stored in time. */
  appendQueueAgeMsMax: 2_500,
  /** What one api appends while PostgreSQL is away: nobody decides it, and the products it names were last seen before. */
  storeAwayBacklogRecordsMax: 200_000,

  // A hot product slows only itself (src/api/product-quotas.ts).
  quotaPeriodMs: 250,
  /** From an order on its way to the log until it is heard that it is decided: later than this, hot products get quotas. */
  quotaLateMs: 100,
  /** Orders of a product that are always taken in one period. */
  quotaOrdersMin: 100,
  /** How late a partition may be on average while one of its products has a quota, or twice what it is at best. */
  quotaAimMs: 60,
  /** What may be sent at once, as time at the quota; and for how long at most nothing is sent, so that a backlog is decided. */
  quotaBurstMs: 50,
  quotaPauseMsMax: 1_000,
  /** A quota that has left room for everybody is kept for so long: floods come in waves, for those who are refused come again. */
  quotaKeptMs: 5_000,
  /** A batch that is held up for want of room goes on after this, and what there is no room for is refused. */
  quotaHoldMsMax: 2_000,
  /** A partition that was not heard of for so long is not judged. */
  quotaHeardMs: 1_000,
  quotaSamplesMax: 2_000,

  // Processors: what one partition may hold before it is paused, and what one commit may carry.
  mailboxRecordsHigh: 10_000,
  mailboxRecordsLow: 5_000,
  mailboxBytesHigh: 8 * 1024 * 1024,
  mailboxBytesLow: 4 * 1024 * 1024,
  groupCommandsMax: 5_000,
  /** Bytes of records in one group, as they lay on the log: it keeps dead letters of megabytes apart. */
  groupBytesMax: 16 * 1024 * 1024,
  groupsInFlightMax: 2,
  /** What must be ready for a group beside another one: with less, two only make both smaller (docs/decisions/005). */
  furtherGroupCommandsMin: 2_500,
  /** Times that a group is tried without an answer before it is halved, and the size below which it is not. */
  commitTriesMax: 3,
  halvedGroupCommandsMin: 500,
  /** A processor of all partitions keeps the stock of so many products for each: a million took 200 MB more, and were decided no sooner (docs/decisions/065). */
  leaseProductsMax: 10_000,
  /** Groups in which ids are looked up before the insert, after a duplicate was seen (P6). */
  duplicateWatchGroups: 64,
  commitTimeoutMs: 10_000,
  /** A migration gives up a lock after this, and tries again. */
  migrationLockTimeoutMs: 3_000,
  connectTimeoutMs: 5_000,
  /** Before a partition that another owner took is claimed again, where the group protocol says that it is ours (P9). */
  reclaimDelayMs: 500,
  /** A partition that the group took away: its owner may finish what it has taken in, then lets go. */
  handOverDrainMs: 200,
  /** So long the new owner waits for that before it claims the partition anyway, and so often it looks. */
  handOverWaitMs: 300,
  handOverPollMs: 20,
  /** How often a log that ends below what was decided is looked at again before the partition is halted (P11). */
  logEndTriesMax: 5,
  retryDelayMsMin: 50,
  retryDelayMsMax: 2_000,
  drainMs: 8_000,
  /** After what was accepted is finished, connections get this long to close; what hangs then is cut. */
  closeMs: 3_000,
  /** How long a start waits for each service that it can't do without. Who is refused says so sooner, with the reason. */
  startWaitMs: 40_000,

  // What is kept without being decided (P7, P13).
  /** Of a record that can't be decoded, the value's bytes that are kept as a row; the whole of it stays on the log. */
  letterValueBytesMax: 16 * 1024 * 1024,
  /** Of why a command was refused by the store. */
  letterReasonCharsMax: 500,
  /** Waiting commands that one ResumeProduct decides. */
  resumeCommandsMax: 500,
  /** Products that park one after another, with nothing decided in between, before the store itself is suspected. */
  parksInARowMax: 8,
  /** Parked products that health names. */
  parkedToldMax: 5,
  deadLetterPublishBatchMax: 500,
  deadLetterPublishBytesMax: 4 * 1024 * 1024,
  deadLetterPublishIntervalMs: 1_000,
  /** What the dead-letter topic takes: a whole value, with its headers. */
  deadLetterMessageBytesMax: 32 * 1024 * 1024,

  // Operators, on the command line.
  lettersShown: 100,
  lettersShownMax: 10_000,
  /** Of a key, a header or a value that is no command; `--raw` has all of it. */
  letterBytesShown: 4_096,
  /** Letters that are read at once, without their values. */
  letterPageRows: 500,
  redrivesPerSecond: 100,
  redrivesPerSecondMax: 10_000,
  /** Letters whose decisions are foreseen: all of them are decided in memory, as one group. */
  redrivesForeseenMax: 5_000,
  /** Of why a letter was given up. */
  letterNoteCharsMax: 500,
  parkedShown: 100,
  /** How long `topology` looks for the oldest undecided records, whose age it tells. */
  topologyTimesMs: 5_000,
  /** How long a ResumeProduct may wait for its decision, and how often it is looked for. */
  resumeWaitSeconds: 30,
  resumeWaitSecondsMax: 3_600,
  resumePollMs: 50,
  /** Commands that are given up one after another, with nothing decided in between, before the store itself is suspected. */
  discardsInARowMax: 8,

  // What a broker that is away makes its client say again and again: how often it is told, and how many sentences are known.
  logRepeatMs: 10_000,
  logComplaintsMax: 200,

  // Fetching from the log.
  /** Partitions that were added are noticed after this, and the group shares them out (kafkajs hazard 5). */
  topicMetadataMaxAgeMs: 1_500,
  fetchMaxWaitMs: 100,
  fetchBytesPerPartitionMax: 512 * 1024,
  fetchBytesMax: 4 * 1024 * 1024,

  // Effects (P15, P16).
  effectsQueueCommandsMax: 40_000,
  /** More than so many wait to be told: no further group is begun, for so long at most. */
  effectsHoldCommands: 15_000,
  effectsHoldMs: 1_000,
  effectsDeadlineMs: 2_000,
  effectsReplayLinesMax: 2_000,
  effectsSaveIntervalMs: 1_000,
  productQuantityTtlSeconds: 300,
  productVersionTtlSeconds: 900,
  refillTokenTtlMs: 5_000,
  orderTtlSeconds: 300,
  /** Products or orders that one script handles: Redis serves nobody else while it runs. */
  cacheScriptEntriesMax: 500,
  /** A request waits this long for Redis, then goes on without; after that Redis is left alone for a while. */
  cacheDeadlineMs: 500,
  cachePauseMs: 1_000,
  /** Age from which a pending mark alone is not believed and PostgreSQL is asked too. */
  pendingBelievedMs: 2_000,

  // Pages in the cache (docs/decisions/074-pages-in-the-cache.md).
  /** Give or take a fifth, so that what was put together does not expire together. */
  pageTtlMs: 300_000,
  /** A generation that nobody asks for is forgotten after this. */
  pageGenerationTtlMs: 900_000,
  /** A writer that did not clear its mark can't commit any more. */
  pageMarkTtlMs: 15_000,
  pageFillTtlMs: 5_000,
  /** How long a reader waits for another instance that reads the same page, and how often it looks. */
  pageFillWaitMs: 250,
  pageFillPollMs: 10,
  /** A page that is larger is not kept. */
  pageBytesMax: 512 * 1024,
  /** What Redis needs for a page beside its text: names, stamp, generations, its place in the index. */
  pageOverheadBytes: 1_000,
  /** Pages that make room for one that is put: Redis serves nobody else meanwhile. */
  pagesTrimmedMax: 100,
  /** Scopes that changed while the cache was away, of which it is told later; of more it is told to forget all pages. */
  pageScopesBehindMax: 20_000,
  /** Pages that an api keeps beside those in Redis, which it asks whether they still count. */
  pageMemoryBytesMax: 32 * 1024 * 1024,

  // Drivers and where they are (docs/decisions/072-drivers.md).
  /** How far Redis's grid of places goes, north and south (EPSG:3857). */
  positionLatitudeMax: 85.05112878,
  /** A position counts for so long after it was observed. */
  driverSilenceMs: 120_000,
  /** How far in the future a driver's clock may be. */
  positionSkewMs: 10_000,
  /** Positions of one request. */
  positionsMax: 500,
  /** Positions that one script handles, and silent drivers that it forgets: Redis serves nobody else while it runs. */
  positionScriptEntriesMax: 200,
  silentForgottenMax: 500,
  /** A driver who is on duty is believed to be for so long without asking PostgreSQL. */
  driverBelievedMs: 5_000,
  driverCacheEntriesMax: 100_000,
  nearestDriversDefault: 10,
  nearestDriversMax: 100,
  nearestRadiusMetersDefault: 10_000,
  nearestRadiusMetersMax: 100_000,
  /** How many of the nearest are looked at, at first and at most, to find free ones. */
  nearestLooksFirst: 50,
  nearestLooksMax: 2_000,

  // The decisions topic (P15).
  /** A product's decisions of one commit beyond this make another record. */
  decisionsPerRecordMax: 500,
  /** Bytes of one decision, more than any takes. */
  decisionBytesMax: 400,
  decisionsBatchRecordsMax: 5_000,
  decisionsBatchBytesMax: 900_000,
  /** A page that is read back: whole commits, so that it had better be more than one. */
  decisionsReplayLinesMax: 6_000,

  // Background work (docs/decisions/076-background-work.md).
  /** How often a worker looks what is to be done: more seldom where a look takes long, so that it takes a tenth of its time at most. */
  lookMs: 1_000,
  lookShareMax: 10,
  /** Watches of one look, the lines that it reads, and the lines of each partition that are told at once. */
  lookWatchesMax: 5_000,
  lookLinesMax: 20_000,
  tellLinesMax: 2_000,
  /** Deliveries that are put into the queue at once. */
  enqueueMax: 500,
  queueConnectionsMax: 6,
  /** A job whose worker says nothing for so long is another's: the least that the queue takes. */
  jobHeartbeatSeconds: 10,
  jobSuperviseSeconds: 5,
  jobPollSeconds: 5,
  /** Of all jobs but deliveries: how long one may take, and how often it is tried again, and when at first. */
  jobSecondsMax: 4 * 3_600,
  jobRetriesMax: 3,
  jobRetrySeconds: 60,
  /** How long jobs that ended are kept, and those that never begin. */
  jobKeptSeconds: 3 * 86_400,
  jobRetentionSeconds: 14 * 86_400,
  /** The most that an audit in the background pauses between two pieces. */
  gentlePauseMsMax: 500,
  /** Rows that expire at once. */
  expireRowsMax: 1_000,
  /** How long a job may go on when the worker is asked to stop. */
  jobDrainMs: 6_000,

  // Webhooks.
  webhooksMax: 100,
  webhookDescriptionCharsMax: 500,
  webhookUrlCharsMax: 2_000,
  /** Attempts of one delivery: with the default wait, over 11 to 23 hours. */
  deliveryAttemptsMax: 12,
  /** How long one may take: the connection, the request and the answer. */
  deliveryTimeoutMs: 15_000,
  /** The same with what is noted of it. */
  deliverySecondsMax: 60,
  /** One that has waited for longer has lost its job. */
  deliveryDaysMax: 7,
  deliveryPollSeconds: 1,
  /** Deliveries that one worker has under way, and those of one webhook. */
  deliveriesAtOnce: 20,
  deliveriesOfOneAtOnce: 4,
  /** A webhook that more wait for is disabled. */
  deliveriesPendingMax: 50_000,
  deliveryAnswerBytesMax: 1_024,
  deliveryErrorCharsMax: 300,
  /** So long a secret goes on signing after the next one came. */
  webhookOldSecretMs: 86_400_000,
  webhookSecretBytes: 32,
  addressDeadlineMs: 3_000,

  // A process that is asked to stop.
  /** It ends then, whatever hangs: who asks kills after 10 s, as Docker does where nothing is said. */
  stopMs: 9_500,
  /** Of these, what the first of two roles in one process may take, so that the other one has time to leave its group. */
  stopTurnMs: 5_500,

  // Growth of partitions (P19). All processes of a Tallyman must agree on the first two.
  /** How long an ingress believes a look at the partition map, by both of its clocks. */
  mapLeaseMs: 1_000,
  /** What a driver waits beyond that, since no two clocks run alike. */
  mapLeaseMarginMs: 250,
  /** How often an ingress looks at the map: while nothing is held, and while something is. */
  mapLookMs: 250,
  mapLookHoldingMs: 50,
  /** PostgreSQL has this long to answer before the log is asked, and how often that one is asked at most. */
  mapLookDeadlineMs: 300,
  mapLogLookMs: 500,
  /** How long a command of a product that moves is held. */
  holdMs: 4_000,
  heldCommandsMax: 20_000,
  /** The same for what an operator sends. */
  operatorHoldMs: 30_000,
  partitionsMax: 1_000,
  /** What is in the log must be decided within this before products are held. */
  growthRehearsalMs: 1_000,
  /** How often a growth is taken further, and how often a processor looks for one. */
  growthStepMs: 100,
  growthLookMs: 1_000,
  /** A growth that stays in one phase for so long is told as stuck. */
  growthStuckMs: 15_000,
  /** How long `tallyman partitions grow` bears a service that is away. */
  growthAwayMs: 30_000,
  logAdminDeadlineMs: 5_000,

  // Users' code in a simulated Tallyman (src/testing/). Milliseconds of the world, where nothing else is said.
  testingRunMs: 600_000,
  /** Milliseconds of the real clock for which code may wait for something that is not the world's. */
  testingRealWaitMs: 5_000,
  testingSettleMs: 90_000,
  /** After all is decided: for what is still on its way. */
  testingQuietMs: 10_000,
  testingProductTries: 100,
  testingCallsShown: 5,
  testingDifferencesShown: 20,
  /** As kafkajs has it. */
  testingProducerRetries: 5,
  testingProducerRetryMs: 300,
  testingProducerMetadataMs: 300_000,
  /** Faults that are drawn of a seed. */
  testingUsualFaultsMax: 8,

  // The audit.
  auditPageRows: 2_000,
  /** Of each partition that is open; a fetch goes beyond by what it brings. */
  auditReadAheadBytesHigh: 1024 * 1024,
  auditReadAheadBytesLow: 512 * 1024,
  auditPartitionsOpenMax: 4,
  /** Sorting a ledger of hundreds of millions of lines may take this long. */
  auditQueryTimeoutMs: 3_600_000,
  /** A log that brings nothing for so long is away. */
  auditStallMs: 30_000,
  /** Differences that are shown; the others are counted. */
  auditDifferencesShown: 100,
  auditDifferencesMax: 10_000,
  /** Marks in Redis that are held against the log, at rest. */
  auditMarksMax: 10_000,
} satisfies Record<string, number>;

assert(limits.quantityMax <= limits.stockMax, "one delivery must fit into the stock");
assert(limits.stockMax + limits.quantityMax < 2 ** 31, "stock is a PostgreSQL integer");
assert(limits.mailboxRecordsLow < limits.mailboxRecordsHigh, "a paused mailbox must be able to resume");
assert(limits.mailboxBytesLow < limits.mailboxBytesHigh, "a paused mailbox must be able to resume");
assert(limits.auditReadAheadBytesLow < limits.auditReadAheadBytesHigh, "a paused reader must be able to go on");
assert(limits.auditDifferencesShown <= limits.auditDifferencesMax, "the default is within the bound");
assert(limits.groupCommandsMax <= limits.mailboxRecordsHigh, "one partition alone must be able to fill a group");
assert(limits.furtherGroupCommandsMin <= limits.groupCommandsMax, "a further group can be full");
assert(
  2 * limits.resumeCommandsMax + 1 < limits.effectsReplayLinesMax,
  "lines that share an offset fit on a page (P15)",
);
assert(limits.decisionsReplayLinesMax > limits.groupCommandsMax, "a page holds a usual commit whole (P15)");
assert(
  limits.decisionsPerRecordMax * limits.decisionBytesMax <= limits.decisionsBatchBytesMax,
  "a record fits into a batch",
);
assert(
  limits.decisionsBatchBytesMax <= limits.appendBatchBytesMax,
  "the topic takes a batch as that of the orders does",
);
assert(2 * limits.resumeCommandsMax + 1 < limits.tellLinesMax, "lines that share an offset are told together");
assert(
  limits.groupCommandsMax + limits.resumeCommandsMax < limits.lookLinesMax,
  "a look sees a product's next commit whole",
);
assert(
  limits.deliveryTimeoutMs < limits.deliverySecondsMax * 1_000,
  "an attempt ends and is noted before its job is over",
);
assert(
  limits.deliveryDaysMax * 86_400 < limits.jobRetentionSeconds,
  "a delivery is given up before its job would be forgotten",
);
assert(limits.deliveriesOfOneAtOnce < limits.deliveriesAtOnce, "one webhook that is slow leaves room for others");
assert(limits.lettersShown <= limits.lettersShownMax, "the default is within the bound");
assert(limits.redrivesPerSecond <= limits.redrivesPerSecondMax, "the default is within the bound");
assert(limits.redrivesForeseenMax <= limits.groupCommandsMax, "what is foreseen is no more than a group");
assert(limits.resumePollMs < 1_000, "a decision is looked for more than once, however short the wait");
assert(limits.resumeWaitSeconds <= limits.resumeWaitSecondsMax, "the default is within the bound");
assert(limits.deadLetterPublishBytesMax <= limits.letterValueBytesMax, "a batch is no more than one letter may be");
assert(limits.letterValueBytesMax * 2 <= limits.deadLetterMessageBytesMax, "a letter fits with its headers");
assert(limits.halvedGroupCommandsMin < limits.groupCommandsMax, "a full group can be halved");
assert(limits.appendBatchRecordsMax <= limits.appendQueueRecordsMax, "the queue must hold a whole batch");
assert(limits.appendBatchBytesMax <= limits.appendQueueBytesMax, "the queue must hold a whole batch");
assert(limits.pageMarkTtlMs >= limits.commitTimeoutMs + 5_000, "a mark outlives the commit that it announces");
assert(limits.pageFillTtlMs < limits.pageMarkTtlMs, "no fill outlives a mark that came and went meanwhile");
assert(limits.readDeadlineMs < limits.pageFillTtlMs, "who reads PostgreSQL in time can put what was read");
assert(1.2 * limits.pageTtlMs < limits.pageGenerationTtlMs, "a page expires before what it counts by");
assert(limits.positionSkewMs < limits.driverSilenceMs, "no clock makes a driver heard for ever");
assert(limits.positionsMax * 500 <= limits.httpBodyBytesMax, "a request's positions fit into its body");
assert(limits.nearestDriversDefault <= limits.nearestDriversMax, "the default is within the bound");
assert(limits.nearestRadiusMetersDefault <= limits.nearestRadiusMetersMax, "the default is within the bound");
assert(limits.nearestLooksFirst <= limits.nearestLooksMax, "the first look is within the bound");
assert(limits.quotaAimMs < limits.quotaLateMs, "a quota keeps its partition in time");
assert(limits.quotaPauseMsMax < limits.quotaKeptMs, "a quota outlives its pauses");
assert(limits.requestsUnderWayMin <= limits.requestsUnderWayMax, "some may always be under way");
assert(limits.liveFollowedBySocketMax <= limits.liveFollowedMax, "one may follow as much as it may");
assert(limits.liveCategoryProductsMax < limits.liveFollowedMax, "categories leave room for who follows products");
assert(limits.liveEndMs < limits.drainMs, "streams that don't take their end hold up no stop");
assert(limits.liveLookTopicsMax <= limits.lookupIdsMax, "a look is one question");
assert(limits.appendQueueAgeMsMax < limits.appendDeadlineMs, "what is taken still has time");
assert(limits.appendTogetherRecordsMax <= limits.appendBatchRecordsMax, "an entry fits into one append");
assert(
  limits.appendTogetherBytesMax + limits.commandBodyBytesMax + limits.appendTogetherRecordsMax * 200 <
    limits.appendBatchBytesMax,
  "an entry fits into one append",
);
assert(limits.batchLinesInFlightMax < limits.appendQueueRecordsMax / 2, "a batch finds room");
assert(limits.appendDeadlineMs < limits.drainMs, "an api that is asked to stop can answer what it has taken");
assert(limits.productQuantityTtlSeconds < limits.productVersionTtlSeconds, "the guard outlives what it guards (P16)");
assert(limits.refillTokenTtlMs < limits.productVersionTtlSeconds * 1000, "the guard outlives a refill (P16)");
assert(limits.handOverDrainMs < limits.handOverWaitMs, "an owner lets go before it is not waited for any more");
assert(limits.handOverPollMs < limits.handOverWaitMs, "a release is looked for more than once");
assert(limits.jobDrainMs + limits.closeMs < limits.stopMs, "a worker that can't finish still gives its jobs back");
assert(limits.drainMs < limits.stopMs, "a processor that can't finish still leaves its group");
assert(limits.appendDeadlineMs < limits.stopTurnMs, "an api can answer what it has taken");
assert(limits.retryDelayMsMin < limits.retryDelayMsMax, "back-off grows");
assert(limits.healthProbeDeadlineMs < limits.healthProbeIntervalMs, "a probe is judged before the next one is due");
assert(limits.commandBodyBytesMax <= limits.httpBodyBytesMax, "no route takes more than the server");
assert(limits.absenceProofPollMs < limits.absenceProofWaitMs, "a proof is tried more than once");
assert(limits.mapLookMs + limits.mapLookDeadlineMs < limits.mapLeaseMs, "a belief is renewed before it has run out");
assert(limits.mapLogLookMs < limits.mapLeaseMs, "the log renews it in time as well");
assert(limits.mapLookHoldingMs <= limits.mapLookMs, "the end of a hold is seen sooner, not later");
assert(limits.mapLeaseMs + limits.mapLeaseMarginMs < limits.holdMs, "a growth that goes well refuses nobody");
assert(limits.holdMs < limits.appendDeadlineMs, "what was held can still be appended in time");
