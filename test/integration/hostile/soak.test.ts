/** A short run of the wire soak with a fixed seed; `npm run soak:wire` runs it for longer. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MARKER, table, WireSoak } from '../../soak/wire/soak.js';
import { type Proxy, startProxy } from '../../support/proxy.js';
import { type Relay, type RelayedConnection, startRelay } from '../../support/relay.js';
import { postgresServer } from '../../support/servers.js';
import { hostilePolicy } from './support.js';

const cases = Number(process.env['PGVEIL_SOAK_CASES'] ?? 150);
const seconds = Number(process.env['PGVEIL_SOAK_SECONDS'] ?? 120);
const seed = Number(process.env['PGVEIL_SOAK_SEED'] ?? 1);

const policies = mkdtempSync(join(tmpdir(), 'pgveil-soak-'));
const scripts: (readonly Buffer[])[] = [];
const crashes: string[] = [];
let relay: Relay;
let proxy: Proxy;

const crashed = (error: unknown): void => void crashes.push(String(error));

/** The server says what the next script says, and is silent from then on. */
function hostileServer(chunk: Buffer, { toClient }: RelayedConnection): boolean {
  if (!chunk.includes(MARKER)) return false;
  for (const piece of scripts.shift() ?? []) toClient.write(piece);
  return true;
}

beforeAll(async () => {
  process.on('uncaughtExceptionMonitor', crashed);
  writeFileSync(join(policies, 'crm.yaml'), hostilePolicy);
  relay = await startRelay(postgresServer(18), { intercept: hostileServer });
  proxy = await startProxy(18, {
    upstreamPort: relay.port,
    policies,
    setup: async (db) => {
      await db.query('CREATE TABLE drafts (id int); GRANT ALL ON drafts TO crm_support', 'crm_admin');
    },
  });
});
afterAll(async () => {
  await proxy.stop();
  await relay.stop();
  rmSync(policies, { recursive: true, force: true });
  process.off('uncaughtExceptionMonitor', crashed);
});

test('hostile bytes on both legs end their own session at most', { timeout: 7_200_000 }, async () => {
  const soak = new WireSoak(proxy, relay, scripts);
  const result = await soak.run({
    seed,
    cases,
    seconds,
    onProgress: (done) => {
      if (cases > 150 && done % 500 === 0) process.stderr.write(`${done}\n`);
    },
  });
  if (cases > 150) {
    process.stderr.write(`seed ${seed}\n${table(result, crashes)}\n`);
  }
  expect(crashes).toEqual([]);
  expect(result.canaryProblems).toEqual([]);
  expect(result.canaryAnswers).toBeGreaterThan(5);
  expect(result.notUnderstood).toEqual([]);
  expect(result.sessionsLeft).toBe(0);
  // The catalogs of the databases that startup packets named keep a connection each.
  expect(result.descriptorsLeft).toBeLessThanOrEqual(3);
  expect(result.peakHeapMb).toBeLessThan(250);
});
