/** Places that another process grants: the answer may come when the session has gone already. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Ports } from '../../../src/session/ports.js';
import type { PlaceAnswer } from '../../../src/session/places.js';
import { createDatabase } from '../../support/databases.js';
import * as s from './support.js';

test('INVARIANT(one-end): a place that comes behind the end of its session is left, and begins no log-in', async () => {
  const db = await createDatabase(18);
  let answer: ((place: PlaceAnswer) => void) | undefined;
  let lookedUp = 0;
  let left = 0;
  const proxy = await s.startProxy(db, {
    limits: { startupTimeoutMs: 500, authTimeoutMs: 500 },
    places: { take: () => new Promise((resolve) => (answer = resolve)) },
    authentication: {
      find: () => {
        lookedUp++;
        return Promise.resolve(undefined);
      },
      delays: { delayMs: () => 0 },
    } as unknown as NonNullable<Ports['authentication']>,
  });
  try {
    const client = await s.RawClient.open(proxy);
    client.startup({ user: 'crm_support', database: db.name });
    while (answer === undefined) await sleep(5);
    client.close();
    while (proxy.connections > 0) await sleep(5);
    answer({ ok: true, leave: () => left++ });
    await sleep(20);
    expect({ left, lookedUp }).toEqual({ left: 1, lookedUp: 0 });
  } finally {
    await proxy.stop();
    await db.drop();
  }
});
