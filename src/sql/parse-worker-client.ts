/**
 * Owns the worker thread that parses large statements: one request at a time, each with a deadline. A worker that
 * misses it is terminated and replaced. It knows bytes and raw outcomes, no SQL.
 */
import { Worker } from 'node:worker_threads';
import type { CompiledParser, RawOutcome } from './parse-instance.js';

interface Request {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly settle: (outcome: RawOutcome) => void;
}

/** Requests that wait; more are refused, so that a flood of large statements cannot hold their memory for long. */
const queueLimit = 64;

export class ParseWorkerClient {
  readonly #compiled: CompiledParser;
  readonly #deadlineMs: number;
  readonly #queue: Request[] = [];
  #worker: Worker | undefined;
  #running: { readonly id: number; readonly request: Request; readonly timer: NodeJS.Timeout } | undefined;
  #lastId = 0;
  #closed = false;

  constructor(compiled: CompiledParser, deadlineMs: number) {
    this.#compiled = compiled;
    this.#deadlineMs = deadlineMs;
  }

  /** Never rejects; a worker that fails, hangs or is closed settles as a failure. */
  parse(bytes: Uint8Array<ArrayBuffer>): Promise<RawOutcome> {
    if (this.#closed) return Promise.resolve(failure('the parser is closed'));
    if (this.#queue.length >= queueLimit) return Promise.resolve(failure('too many large statements wait'));
    return new Promise((settle) => {
      this.#queue.push({ bytes, settle });
      this.#startNext();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const request of this.#queue.splice(0)) request.settle(failure('the parser is closed'));
    const worker = this.#worker;
    this.#abandon('the parser is closed');
    await worker?.terminate();
  }

  #startNext(): void {
    if (this.#running !== undefined) return;
    const request = this.#queue.shift();
    if (request === undefined) return;
    const worker = (this.#worker ??= this.#spawn());
    this.#lastId += 1;
    // The timer keeps the process alive while someone waits; the idle worker does not.
    const timer = setTimeout(() => this.#abandon('the deadline passed'), this.#deadlineMs);
    this.#running = { id: this.#lastId, request, timer };
    worker.postMessage({ id: this.#lastId, bytes: request.bytes }, [request.bytes.buffer]);
  }

  #spawn(): Worker {
    const worker = new Worker(new URL('./parse-worker.js', import.meta.url), {
      workerData: { compiled: this.#compiled },
      resourceLimits: { stackSizeMb: 16 },
      // The worker runs plain JavaScript; the loaders and flags of the process are not for it.
      execArgv: [],
    });
    worker.on('message', (answer: { readonly id: number; readonly outcome: RawOutcome }) => {
      if (worker === this.#worker && answer.id === this.#running?.id) this.#finish(answer.outcome);
    });
    const lost = (): void => {
      if (worker === this.#worker) this.#abandon('the worker ended');
    };
    worker.on('error', lost);
    worker.on('exit', lost);
    // Last, since listening for messages takes the reference again (tried on Node 20).
    worker.unref();
    return worker;
  }

  /** Gives up the worker and the request that it holds; the next request starts a fresh one. */
  #abandon(reason: string): void {
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
    this.#finish(failure(reason));
  }

  #finish(outcome: RawOutcome): void {
    const running = this.#running;
    if (running === undefined) return;
    clearTimeout(running.timer);
    this.#running = undefined;
    running.request.settle(outcome);
    this.#startNext();
  }
}

function failure(reason: string): RawOutcome {
  return { kind: 'failure', reason };
}
