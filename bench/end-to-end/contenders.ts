/** Who is measured with which statement, and the proof, before anything is timed, that each does what its row claims. */
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bucketSize, database, users, withClient, withdrawnAid } from './database.js';
import { rewritten, type RunningPgveil } from './pgveil.js';

export interface Contender {
  readonly name: string;
  readonly port: number;
  readonly user: string;
  readonly scriptFile: string;
  /** The client's leg is TLS. */
  readonly encrypted?: boolean;
  /** The proxy's process; undefined without one. */
  readonly pid: number | undefined;
  /** Removes what the slice has left on disk, so that a long run does not fill it. */
  readonly tidy?: () => Promise<void>;
}

export interface Ports {
  readonly postgres: number;
  readonly pgbouncer: { readonly port: number; readonly pid: number };
  readonly pgveil: RunningPgveil;
  readonly pgveilWithoutRedis: RunningPgveil | undefined;
  /** PgBouncer and pgveil offer TLS, and are measured with it too. */
  readonly tls: boolean;
  readonly pgveilOfWorkers: RunningPgveil | undefined;
  readonly workers: number;
}

/** pgbench's own select-only statement. */
export const SELECT = 'SELECT abalance FROM pgbench_accounts WHERE aid = ';
/** Stands for the parameter while pgveil explains the statement. */
const SAMPLE_AID = '987654321';

export const names = {
  direct: 'direct',
  pgbouncer: 'PgBouncer',
  directGuarded: 'direct, guarded SQL by hand',
  pgbouncerGuarded: 'PgBouncer, guarded SQL by hand',
} as const;

/** Writes the scripts into `folder`. */
export async function makeContenders(
  ports: Ports,
  folder: string,
  accounts: number,
  tidy: () => Promise<void>,
): Promise<{ readonly contenders: readonly Contender[]; readonly guardedSql: string }> {
  const guardedSql = await rewritten(ports.pgveil.configFile, SELECT + SAMPLE_AID);
  if (!guardedSql.includes(SAMPLE_AID) || guardedSql === SELECT + SAMPLE_AID)
    throw new Error(`pgveil did not rewrite the statement, so there is nothing to measure: ${guardedSql}`);
  const plain = join(folder, 'plain.sql');
  const guarded = join(folder, 'guarded.sql');
  await writeFile(plain, script(`${SELECT}:aid`, accounts));
  await writeFile(guarded, script(guardedSql.replaceAll(SAMPLE_AID, ':aid'), accounts));

  const { pgbouncer, pgveil, pgveilWithoutRedis } = ports;
  const direct = { port: ports.postgres, user: users.plain, pid: undefined };
  const bouncer = { port: pgbouncer.port, user: users.plain, pid: pgbouncer.pid };
  const veil = (proxy: RunningPgveil, user: string) => ({ port: proxy.port, user, pid: proxy.pid, tidy });
  const contenders: Contender[] = [
    { name: names.direct, ...direct, scriptFile: plain },
    { name: names.pgbouncer, ...bouncer, scriptFile: plain },
    { name: 'pgveil exempt, audit: connections', ...veil(pgveil, users.connections), scriptFile: plain },
    { name: 'pgveil exempt', ...veil(pgveil, users.plain), scriptFile: plain },
    { name: 'pgveil governed', ...veil(pgveil, users.governed), scriptFile: plain },
    { name: names.directGuarded, ...direct, scriptFile: guarded },
    { name: names.pgbouncerGuarded, ...bouncer, scriptFile: guarded },
  ];
  if (ports.tls) {
    contenders.push(
      { name: 'PgBouncer, TLS', ...bouncer, scriptFile: plain, encrypted: true },
      {
        name: 'pgveil exempt, audit: connections, TLS',
        ...veil(pgveil, users.connections),
        scriptFile: plain,
        encrypted: true,
      },
      { name: 'pgveil governed, TLS', ...veil(pgveil, users.governed), scriptFile: plain, encrypted: true },
    );
  }
  if (ports.pgveilOfWorkers !== undefined) {
    const several = (user: string) => ({ ...veil(ports.pgveilOfWorkers!, user), scriptFile: plain });
    contenders.push(
      { name: `pgveil exempt, ${ports.workers} workers`, ...several(users.plain) },
      { name: `pgveil governed, ${ports.workers} workers`, ...several(users.governed) },
    );
  }
  if (pgveilWithoutRedis !== undefined) {
    const alone = (user: string) => ({
      ...veil(pgveilWithoutRedis, user),
      tidy: () => thinSpool(pgveilWithoutRedis.spool),
    });
    contenders.push(
      { name: 'pgveil exempt, no Redis', ...alone(users.plain), scriptFile: plain },
      { name: 'pgveil governed, no Redis', ...alone(users.governed), scriptFile: plain },
    );
  }
  return { contenders, guardedSql };
}

/** In pgbench's language, with a random account for `:aid`. */
export function script(sql: string, accounts: number): string {
  return `\\set aid random(1, ${accounts})\n${sql};\n`;
}

/** Rejects when a contender does not answer with the rows that its row of the table stands for. */
export async function verify(contenders: readonly Contender[]): Promise<void> {
  const aid = 4711;
  const balance = (aid % 20011) - 10000;
  const masked = Math.floor(balance / bucketSize) * bucketSize;
  for (const { name, port, user, encrypted = false } of contenders) {
    const governed = user === users.governed;
    const ask = (which: number) =>
      withClient({ port, database, user, encrypted }, async (client) => {
        const { rows } = await client.query<{ abalance: number }>(`${SELECT}${which}`);
        return JSON.stringify(rows.map((row) => row.abalance));
      });
    await expectSame(name, await ask(aid), JSON.stringify([governed ? masked : balance]));
    await expectSame(name, await ask(withdrawnAid), JSON.stringify(governed ? [] : [1 - 10000]));
  }
}

function expectSame(name: string, got: string, expected: string): Promise<void> {
  if (got === expected) return Promise.resolve();
  return Promise.reject(new Error(`${name} answers ${got} where ${expected} is right: nothing is measured`));
}

/** Without Redis a spool keeps all of its segments; nobody reads them here, so the finished ones go. */
async function thinSpool(folder: string): Promise<void> {
  const segments = (await readdir(folder)).filter((name) => name.endsWith('.seg')).sort();
  for (const name of segments.slice(0, -2)) await rm(join(folder, name), { force: true });
}
