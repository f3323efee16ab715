/**
 * PostgreSQL's parser behind its containment: small statements on this thread, large ones in a worker with a deep
 * stack and a deadline. An instance that fails in any way but a clean error is thrown away; the statement is refused,
 * the process and the next statement are not touched. It knows nothing of what a statement means.
 */
import { compileParser, createParserInstance, isBloated, parseRaw } from './parse-instance.js';
import type { CompiledParser, ParserModule } from './parse-instance.js';
import { parserFailure, readOutcome } from './parse-outcome.js';
import { ParseWorkerClient } from './parse-worker-client.js';
import { toBytes } from './byte-string.js';
import type { LexedText, ParseOutcome } from './types.js';

/** Statements up to this size and number of tokens parse in well under a millisecond or two on the main thread. */
export const mainThreadBytes = 32 * 1024;
const mainThreadTokens = 8 * 1024;

/** PostgreSQL's grammar, ready to parse. Only lexed texts reach it: their bounds are what keeps its stack safe. */
export interface Parser {
  /** Parses on this thread. For statements that need the worker it still works, and blocks. */
  parse(lexed: LexedText): ParseOutcome;
  /** Parses in the worker. Never rejects. */
  parseLarge(lexed: LexedText): Promise<ParseOutcome>;
  /** Whether the text is too large for this thread. */
  needsWorker(lexed: LexedText): boolean;
  /** Ends the worker; waiting statements are answered with a parser failure. */
  close(): Promise<void>;
}

export interface ParserOptions {
  /** How long the worker may take for one statement. */
  readonly deadlineMs?: number;
}

/** Compiles the grammar and starts the instances. */
export async function openParser(options: ParserOptions = {}): Promise<Parser> {
  const compiled = compileParser();
  const instances = new ParserInstances(compiled, await createParserInstance(compiled));
  const worker = new ParseWorkerClient(compiled, options.deadlineMs ?? 5_000);
  return {
    parse(lexed) {
      const parser = instances.current();
      if (parser === undefined) return { ok: false, problem: parserFailure('the parser is starting again') };
      const raw = parseRaw(parser, toBytes(lexed.text));
      if (raw.kind === 'failure' || isBloated(parser)) instances.discard();
      return readOutcome(lexed, raw);
    },
    async parseLarge(lexed) {
      // A copy of its own, since it is handed over to the worker.
      return readOutcome(lexed, await worker.parse(new Uint8Array(toBytes(lexed.text))));
    },
    needsWorker(lexed) {
      return lexed.text.length > mainThreadBytes || lexed.tokens.length > mainThreadTokens;
    },
    close: () => worker.close(),
  };
}

/** The instance in use and a spare, so that the statement after a failure does not wait for a new one. */
class ParserInstances {
  readonly #compiled: CompiledParser;
  #current: ParserModule | undefined;
  #spare: ParserModule | undefined;
  #starting = false;

  constructor(compiled: CompiledParser, first: ParserModule) {
    this.#compiled = compiled;
    this.#current = first;
    this.#start();
  }

  current(): ParserModule | undefined {
    if (this.#current === undefined) {
      this.#current = this.#spare;
      this.#spare = undefined;
      this.#start();
    }
    return this.#current;
  }

  discard(): void {
    this.#current = undefined;
    this.#start();
  }

  #start(): void {
    if (this.#starting || this.#spare !== undefined) return;
    this.#starting = true;
    createParserInstance(this.#compiled).then(
      (parser) => {
        this.#starting = false;
        this.#spare = parser;
      },
      () => {
        // Out of memory, most likely: the next call to current() tries again.
        this.#starting = false;
      },
    );
  }
}
