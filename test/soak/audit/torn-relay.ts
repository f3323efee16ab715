/**
 * The network between the proxy and PostgreSQL, whose connections are torn off in the middle of an answer: a part of it
 * arrives, and then an RST at both ends, as when a firewall between them forgets its connections.
 */
import { startRelay, type Relay } from '../../support/relay.js';
import type { Random } from '../random.js';

export interface TornRelay {
  readonly host: string;
  readonly port: number;
  /** From now on each answer may be the one that is torn. */
  tear(random: Random, chance: number): void;
  heal(): void;
  /** How many were torn. */
  readonly torn: number;
  stop(): Promise<void>;
}

export async function startTornRelay(target: { host: string; port: number }): Promise<TornRelay> {
  let tears: ((bytes: number) => number | undefined) | undefined;
  let torn = 0;
  const relay: Relay = await startRelay(target, {
    keepsBytes: false,
    interceptAnswer: (chunk, { toClient, toServer }) => {
      const at = tears?.(chunk.length);
      if (at === undefined) return false;
      torn++;
      toClient.write(chunk.subarray(0, at));
      toClient.resetAndDestroy();
      toServer.resetAndDestroy();
      return true;
    },
  });
  return {
    ...{ host: relay.host, port: relay.port },
    tear: (random, chance) => {
      tears = (bytes) => (random.chance(chance) ? random.below(bytes) : undefined);
    },
    heal: () => (tears = undefined),
    get torn() {
      return torn;
    },
    stop: () => relay.stop(),
  };
}
