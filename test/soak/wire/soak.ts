/**
 * Random hostile conversations on both legs of a live proxy, with a canary session that must stay right all along.
 * It counts; the test judges.
 */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeFrontend } from '../../../src/wire/frontend-message.js';
import { cutFrames, Listener } from '../../integration/hostile/support.js';
import { query, RawClient, transcript } from '../../integration/session/support.js';
import { passwords } from '../../support/databases.js';
import type { Proxy } from '../../support/proxy.js';
import type { Relay } from '../../support/relay.js';
import { Random } from '../random.js';
import { conversation, type Side } from './conversations.js';

/** Governed, exempt by statement, exempt by connection. */
export const users = ['crm_support', 'postgres', 'crm_admin'] as const;
export const MARKER = 'hostile_marker';

export interface Soaked {
  readonly cases: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly peakRssMb: number;
  readonly peakHeapMb: number;
  readonly canaryAnswers: number;
  readonly canaryProblems: readonly string[];
  /** What a governed session sent upstream that is no message. */
  readonly notUnderstood: readonly string[];
  readonly sessionsLeft: number;
  readonly descriptorsLeft: number;
}

export interface SoakOptions {
  readonly seed: number;
  readonly cases: number;
  readonly seconds: number;
  onProgress?(done: number): void;
}

const AT_ONCE = 4;
const QUIET_MS = 25;

export class WireSoak {
  private readonly proxy: Proxy;
  private readonly relay: Relay;
  private readonly cases: Record<string, number> = {};
  private readonly notUnderstood: string[] = [];
  private readonly canaryProblems: string[] = [];
  private canaryAnswers = 0;
  private done = false;
  /** What the server will say to the next session that asks for it. */
  private readonly scripts: (readonly Buffer[])[];

  /** @param scripts - shared with the relay's intercept */
  constructor(proxy: Proxy, relay: Relay, scripts: (readonly Buffer[])[]) {
    this.proxy = proxy;
    this.relay = relay;
    this.scripts = scripts;
  }

  async run(options: SoakOptions): Promise<Soaked> {
    const started = performance.now();
    const canary = this.canary();
    await sleep(200);
    const descriptors = openDescriptors();
    const base = process.memoryUsage();
    let peakRss = 0;
    let peakHeap = 0;
    const watch = setInterval(() => {
      const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
      peakRss = Math.max(peakRss, rss - base.rss);
      peakHeap = Math.max(peakHeap, heapUsed + arrayBuffers - base.heapUsed - base.arrayBuffers);
    }, 25);
    let next = 0;
    const late = (): boolean => performance.now() - started > options.seconds * 1000;
    const work = async (): Promise<void> => {
      while (next < options.cases && !late()) {
        const nth = next++;
        await this.one(new Random(options.seed * 1_000_003 + nth));
        if (nth % 200 === 199) this.judge();
        options.onProgress?.(nth + 1);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    clearInterval(watch);
    for (let waited = 0; waited < 5_000 && this.relay.open > 1; waited += 20) await sleep(20);
    const sessionsLeft = this.relay.open - 1;
    for (let waited = 0; waited < 5_000 && openDescriptors() > descriptors; waited += 50) await sleep(50);
    const descriptorsLeft = Math.max(0, openDescriptors() - descriptors);
    this.done = true;
    await canary;
    this.judge();
    return {
      cases: this.cases,
      seconds: (performance.now() - started) / 1000,
      peakRssMb: peakRss / 1e6,
      peakHeapMb: peakHeap / 1e6,
      canaryAnswers: this.canaryAnswers,
      canaryProblems: this.canaryProblems,
      notUnderstood: this.notUnderstood,
      sessionsLeft,
      descriptorsLeft,
    };
  }

  private async one(random: Random): Promise<void> {
    const side: Side = random.pick(['client', 'client', 'startup', 'server']);
    const user = random.pick(users);
    const pieces = conversation(side, random);
    const name = side === 'startup' ? side : `${side}, ${user}`;
    this.cases[name] = (this.cases[name] ?? 0) + 1;
    const client = new Listener(side === 'startup' ? await RawClient.open(this.at) : await this.login(user));
    if (side === 'server') {
      this.scripts.push(pieces);
      client.client.send(query(`SELECT '${MARKER}'`));
    } else {
      for (const piece of pieces) {
        client.client.socket.write(piece);
        if (pieces.length > 1) await sleep(2);
      }
    }
    await client.settled(QUIET_MS);
    if (random.chance(0.3)) client.client.socket.end();
    else client.client.close();
    await sleep(5);
    client.client.close();
  }

  /** Reads what went upstream since the last look, and forgets it. */
  private judge(): void {
    for (const { fromClient } of this.relay.connections) {
      const all = Buffer.concat(fromClient);
      if (!all.includes('crm_support')) continue;
      for (const frame of cutFrames(all.subarray(all.readInt32BE(0))).frames) {
        try {
          decodeFrontend(frame);
        } catch (error) {
          this.notUnderstood.push(`${String(error)}: ${frame.toString('hex').slice(0, 200)}`);
        }
      }
    }
    this.relay.forget();
  }

  private async canary(): Promise<void> {
    const client = await this.login('crm_support');
    const expected = 'row-description | data-row | complete SELECT 1 | ready I';
    while (!this.done) {
      client.messages.length = 0;
      client.send(query('SELECT count(*) FROM customers'));
      await client.until('ready-for-query');
      const told = transcript(client.messages).join(' | ');
      this.canaryAnswers++;
      if (told !== expected) this.canaryProblems.push(told);
      await sleep(10);
    }
    client.close();
  }

  private get at(): { host: string; port: number } {
    return { host: '127.0.0.1', port: this.proxy.app.ports.proxy };
  }

  private login(user: (typeof users)[number]): Promise<RawClient> {
    return RawClient.login(this.at, { user, database: this.proxy.db.name }, passwords[user]);
  }
}

/** The figures as people read them. */
export function table(result: Soaked, crashes: readonly string[]): string {
  const figures: [string, number | string][] = [
    ...Object.entries(result.cases).sort(),
    ['cases in all', Object.values(result.cases).reduce((sum, one) => sum + one, 0)],
    ['seconds', result.seconds.toFixed(1)],
    ['peak RSS above the start, MB', result.peakRssMb.toFixed(1)],
    ['peak heap and buffers above the start, MB', result.peakHeapMb.toFixed(1)],
    ['answers to the canary', result.canaryAnswers],
    ['wrong answers to the canary', result.canaryProblems.length],
    ['bytes upstream that were no message', result.notUnderstood.length],
    ['crashes', crashes.length],
    ['sessions left open', result.sessionsLeft],
    ['file descriptors left open', result.descriptorsLeft],
  ];
  return figures.map(([what, figure]) => `${what.padEnd(44)}${String(figure).padStart(10)}`).join('\n');
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
