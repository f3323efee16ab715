/**
 * Clients at full load over the raw protocol, and what they saw: which statement was sent how often, and how often its
 * CommandComplete arrived. A connection that breaks is made again. Judges nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackendMessage } from '../../../src/wire/backend-message.js';
import { encodeFrontend } from '../../../src/wire/frontend-message.js';
import { errorField } from '../../../src/wire/messages/error-response.js';
import { RawClient } from '../../integration/session/support.js';
import { passwords } from '../../support/databases.js';
import { Random } from '../random.js';
import type { Markers } from './statements.js';
import { prepared, segment, type Reach, type Segment, type Text } from './statements.js';

/** The client's side of one marker. */
export interface Sent {
  readonly reach: Reach;
  readonly statements: number;
  /** CommandComplete messages that arrived. */
  answered: number;
}

/** cannot_connect_now: the audit takes no events. */
export const REFUSED = '57P03';

export interface LoadOptions {
  readonly port: number;
  readonly database: string;
  readonly seed: number;
  readonly governed: number;
  readonly exempt: number;
  readonly markers: Markers;
}

export class Load {
  /** By marker. */
  readonly sent = new Map<string, Sent>();
  /** By SQLSTATE. */
  readonly errors = new Map<string, number>();
  answered = 0;
  readonly #options: LoadOptions;
  readonly #open = new Set<RawClient>();
  readonly #clients: readonly Promise<void>[];
  #stopping = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#clients = Array.from({ length: options.governed + options.exempt }, (_, nth) =>
      this.#client(new Random(options.seed * 1_000_003 + nth), nth >= options.governed),
    );
  }

  /** Cuts the connections, whatever is under way. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const client of this.#open) client.close();
    await Promise.all(this.#clients);
  }

  /** Some clients go with the next bytes that they get, by an RST. */
  vanish(random: Random): void {
    for (const { socket } of this.#open)
      if (random.chance(0.3)) socket.once('data', () => socket.resetAndDestroy());
  }

  /**
   * Further clients, one after the other, until one is refused for the audit's sake: those that are there may all be
   * waiting for the end of what they have begun.
   */
  async untilRefused(random: Random): Promise<void> {
    const deadline = Date.now() + 20_000;
    while (!this.#stopping && !this.errors.has(REFUSED) && Date.now() < deadline) {
      let client: RawClient | undefined;
      let late: NodeJS.Timeout | undefined;
      try {
        client = await this.#login('crm_support');
        this.#open.add(client);
        late = setTimeout(() => client?.close(), 500);
        const again = prepared(this.#options.markers.next(), false);
        this.#register(again.text);
        await this.#converse(client, [again.segment]);
        await this.#converse(client, this.#pipeline(random, false, again.text));
      } catch {
        await sleep(20);
      } finally {
        clearTimeout(late);
        client?.close();
        if (client !== undefined) this.#open.delete(client);
      }
    }
  }

  async #client(random: Random, exempt: boolean): Promise<void> {
    while (!this.#stopping) {
      let client: RawClient | undefined;
      try {
        client = await this.#login(exempt ? 'crm_admin' : 'crm_support');
        this.#open.add(client);
        const again = prepared(this.#options.markers.next(), exempt);
        this.#register(again.text);
        await this.#converse(client, [again.segment]);
        // Now and then another connection, so that sessions open and close under load.
        for (let left = 20 + random.below(200); left > 0 && !this.#isStopping(); left--)
          await this.#converse(client, this.#pipeline(random, exempt, again.text));
      } catch {
        await sleep(20 + random.below(60));
      } finally {
        client?.close();
        if (client !== undefined) this.#open.delete(client);
      }
    }
  }

  #isStopping(): boolean {
    return this.#stopping;
  }

  async #login(user: 'crm_admin' | 'crm_support'): Promise<RawClient> {
    const { port, database } = this.#options;
    const opening = RawClient.login({ host: '127.0.0.1', port }, { user, database }, passwords[user]);
    // A proxy that is stopping may take a connection and say nothing.
    const late = sleep(5_000).then(() => undefined);
    const client = await Promise.race([opening, late]);
    if (client === undefined || this.#stopping) {
      opening.then((one) => one.close()).catch(() => undefined);
      throw new Error('no log-in');
    }
    return client;
  }

  #pipeline(random: Random, exempt: boolean, again: Text): Segment[] {
    return Array.from({ length: 1 + random.below(6) }, () => {
      const made = segment(random, this.#options.markers, exempt, again);
      for (const one of made.completes) if (one !== undefined && one !== again) this.#register(one);
      return made;
    });
  }

  #register({ marker, reach, statements }: Text): void {
    this.sent.set(marker, { reach, statements, answered: 0 });
  }

  async #converse(client: RawClient, segments: readonly Segment[]): Promise<void> {
    client.messages.length = 0;
    client.received = Buffer.alloc(0);
    client.socket.write(Buffer.concat(segments.flatMap(({ messages }) => messages.map(encodeFrontend))));
    const ends = segments
      .flatMap(({ messages }) => messages)
      .filter(({ kind }) => kind === 'sync' || kind === 'query');
    try {
      await client.until('ready-for-query', ends.length);
    } finally {
      this.#account(client.messages, segments);
    }
  }

  /** What arrived counts, also when the connection broke behind it. */
  #account(messages: readonly BackendMessage[], segments: readonly Segment[]): void {
    const ends = segments.flatMap(endsOf);
    let end = 0;
    let nth = 0;
    for (const message of messages) {
      if (message.kind === 'ready-for-query') {
        end++;
        nth = 0;
      } else if (message.kind === 'command-complete') {
        const text = ends[end]?.[nth++];
        if (text === undefined) continue;
        this.sent.get(text.marker)!.answered++;
        this.answered++;
      } else if (message.kind === 'error-response') {
        const code = errorField(message, 'C') ?? '';
        this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
      }
    }
  }
}

/** What completes before each ReadyForQuery of the segment: a text behind the Sync brings one of its own. */
function endsOf({ messages, completes }: Segment): (readonly (Text | undefined)[])[] {
  const further = messages.filter(({ kind }) => kind === 'sync' || kind === 'query').length - 1;
  return [completes, ...Array<readonly undefined[]>(further).fill([undefined])];
}
