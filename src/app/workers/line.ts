/**
 * Questions and answers between the primary and one worker, over Node's channel between processes. It knows neither of
 * the two and nothing of what they say; messages.ts has the vocabulary.
 */

/** By name: what is asked, and what comes back. */
export type Calls = Readonly<Record<string, { readonly ask: unknown; readonly answer: unknown }>>;

export type Handlers<In> = {
  readonly [Name in keyof In]: In[Name] extends { readonly ask: infer Ask; readonly answer: infer Answer }
    ? (ask: Ask) => Answer | Promise<Answer>
    : never;
};

type Packet =
  | { readonly line: 'ask'; readonly id: number; readonly name: string; readonly value: unknown }
  | { readonly line: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly line: 'failed'; readonly id: number; readonly message: string };

interface Waiting {
  readonly done: (value: unknown) => void;
  readonly failed: (error: Error) => void;
  readonly timer: NodeJS.Timeout | undefined;
}

/** Id of what nobody waits for an answer to. */
const TOLD = 0;

export class Line<Out extends Calls, In extends Calls> {
  readonly #send: (packet: object) => void;
  readonly #handlers: Readonly<Record<string, (ask: never) => unknown>>;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = TOLD;
  #closed = false;

  constructor(send: (packet: object) => void, handlers: Handlers<In>) {
    this.#send = send;
    this.#handlers = handlers;
  }

  /**
   * Rejects when the other side fails, has gone, or does not answer in time.
   * @param late - an answer that comes after its time, for whatever it has cost the other side
   */
  ask<Name extends keyof Out & string>(
    name: Name,
    value: Out[Name]['ask'],
    timeoutMs?: number,
    late: (answer: Out[Name]['answer']) => void = () => undefined,
  ): Promise<Out[Name]['answer']> {
    if (this.#closed) return Promise.reject(gone(name));
    return new Promise((done, failed) => {
      const id = ++this.#lastId;
      const over = (): void => {
        this.#waiting.set(id, { done: late, failed: () => undefined, timer: undefined });
        failed(new Error(`no answer to "${name}" within ${timeoutMs} ms`));
      };
      const timer = timeoutMs === undefined ? undefined : setTimeout(over, timeoutMs);
      this.#waiting.set(id, { done, failed, timer });
      this.#post({ line: 'ask', id, name, value });
    });
  }

  /** Without waiting for anything; what cannot be sent any more is of no use to anybody. */
  tell<Name extends keyof Out & string>(name: Name, value: Out[Name]['ask']): void {
    if (!this.#closed) this.#post({ line: 'ask', id: TOLD, name, value });
  }

  /** Call with each message of the channel. */
  received(message: unknown): void {
    // What a process has said may come behind the news of its end, when all that it held has been given back already.
    if (this.#closed) return;
    const packet = (message ?? {}) as Partial<Packet>;
    if (packet.line === 'ask') void this.#answer(packet as Extract<Packet, { line: 'ask' }>);
    else if (packet.line === 'answer' || packet.line === 'failed') this.#settle(packet as Packet);
  }

  /** The other side has gone: what waits for it fails. */
  close(): void {
    this.#closed = true;
    for (const [id, { failed, timer }] of this.#waiting) {
      clearTimeout(timer);
      this.#waiting.delete(id);
      failed(gone('the question'));
    }
  }

  async #answer({ id, name, value }: Extract<Packet, { line: 'ask' }>): Promise<void> {
    try {
      const handler = this.#handlers[name];
      if (handler === undefined) throw new Error(`bug: nobody answers "${name}"`);
      const answer = await handler(value as never);
      if (id !== TOLD) this.#post({ line: 'answer', id, value: answer });
    } catch (error) {
      if (id !== TOLD)
        this.#post({ line: 'failed', id, message: error instanceof Error ? error.message : 'unknown' });
    }
  }

  #settle(packet: Packet): void {
    const waiting = this.#waiting.get(packet.id);
    if (waiting === undefined) return;
    this.#waiting.delete(packet.id);
    clearTimeout(waiting.timer);
    if (packet.line === 'answer') waiting.done(packet.value);
    else waiting.failed(new Error(packet.line === 'failed' ? packet.message : 'unknown'));
  }

  #post(packet: Packet): void {
    if (this.#closed) return;
    this.#send(packet);
  }
}

function gone(name: string): Error {
  return new Error(`the other process has gone, "${name}" has no answer`);
}
