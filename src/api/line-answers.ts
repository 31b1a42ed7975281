/** Bodies of any length whose lines are answered by a line each, while they come. */
import type { Socket } from "node:net";
import { Readable, Transform } from "node:stream";
import type { TransformCallback } from "node:stream";
import type { FastifyReply } from "fastify";
import { limits } from "../limits.ts";
import { readLines } from "./ndjson.ts";
import type { InputLine } from "./ndjson.ts";
import { ndjson } from "./plugins/batch-body.ts";

/** Takes lines; resolves as soon as the next ones may be taken, with the promise of what became of these, in their order. */
export type TakeLines<Result> = (
  lines: readonly InputLine[],
) => Promise<{ readonly results: Promise<readonly Result[]> }>;

export type AnswerLinesOptions<Result> = {
  readonly body: Readable;
  readonly take: TakeLines<Result>;
  /** Aborted when the server closes: the answer ends then, and whoever sent the rest sends it again. */
  readonly leaving: AbortSignal;
  readonly socket: Socket;
};

/** The answer, as NDJSON. */
export function answerLines<Result>({ body, take, leaving, socket }: AnswerLinesOptions<Result>): Readable {
  const answers = new LineAnswers(take);
  const source = Readable.from(readLines(body, limits.commandBodyBytesMax), { highWaterMark: 1 });
  // The answer ends early then: whoever sent the rest sends it again.
  source.on("error", (error) => answers.destroy(error));
  const leave = (): void => {
    source.unpipe(answers);
    answers.end();
  };
  leaving.addEventListener("abort", leave, { once: true });
  answers.on("close", () => {
    leaving.removeEventListener("abort", leave);
    source.destroy();
    if (leaving.aborted) socket.destroySoon();
  });
  source.pipe(answers);
  if (leaving.aborted) leave();
  return answers;
}

/** A route's declared body is one line; its answer is many. */
export function sendNdjson(reply: FastifyReply, lines: Readable): FastifyReply {
  return reply.header("content-type", `${ndjson}; charset=utf-8`).send(lines);
}

/**
 * Lines in, lines of results out.
 *
 * I1 Results leave in the order of the lines.
 * I2 At most `limits.batchLinesInFlightMax` lines and one piece of the body are taken and not answered; then no more is read, and
 *    neither while the reader of the results is slow.
 */
class LineAnswers<Result> extends Transform {
  readonly #take: TakeLines<Result>;
  #last: Promise<void> = Promise.resolve();
  #inFlight = 0;
  #whenRoom: (() => void) | undefined;

  constructor(take: TakeLines<Result>) {
    super({ writableObjectMode: true, readableHighWaterMark: limits.batchResultBytesMax, writableHighWaterMark: 1 });
    this.#take = take;
  }

  override _transform(lines: readonly InputLine[], _encoding: BufferEncoding, done: TransformCallback): void {
    this.#take(lines).then(
      ({ results }) => {
        this.#inFlight += lines.length;
        const answered = Promise.all([results, this.#last]).then(([some]) => this.#answer(some)); // I1
        this.#last = answered;
        answered.catch((error: unknown) => this.destroy(asError(error)));
        if (this.#inFlight < limits.batchLinesInFlightMax) done();
        else this.#whenRoom = done; // I2
      },
      (error: unknown) => done(asError(error)),
    );
  }

  override _flush(done: TransformCallback): void {
    this.#last.then(() => done(), done);
  }

  #answer(results: readonly Result[]): void {
    this.#inFlight -= results.length;
    this.push(results.map((result) => `${JSON.stringify(result)}\n`).join(""));
    if (this.#inFlight >= limits.batchLinesInFlightMax) return;
    const done = this.#whenRoom;
    this.#whenRoom = undefined;
    done?.();
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
