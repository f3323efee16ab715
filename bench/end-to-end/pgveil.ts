/** Starts the proxy as users do, `pgveil serve -c FILE`, under a policy that fits the benchmark's database. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { freePort } from '../../src/cli/launch/free-port.js';
import { startServerProcess } from '../../src/cli/launch/server-process.js';
import { bucketSize, database, users } from './database.js';
import type { RunningProxy } from './pgbouncer.js';
import { untilPortAnswers } from './until-port-answers.js';

const executable = fileURLToPath(new URL('../../bin/pgveil.js', import.meta.url));

export interface RunningPgveil extends RunningProxy {
  readonly configFile: string;
  /** Where its audit events wait. */
  readonly spool: string;
  /** The port of /metrics. */
  readonly admin: number;
}

export const stream = 'pgveil:bench';

export async function startPgveil(options: {
  readonly upstreamPort: number;
  readonly consent: 'single' | 'history';
  /** Absent: the spool alone is the log. */
  readonly redisUrl?: string;
  /** Paths; offered to clients that ask for TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly workers?: number;
  /** relaxed when absent. */
  readonly durability?: 'strict' | 'relaxed';
  /** For node itself, before the script's name. */
  readonly nodeFlags?: readonly string[];
}): Promise<RunningPgveil> {
  const port = await freePort();
  const admin = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'pgveil-bench-'));
  const policies = join(folder, 'policies');
  const configFile = join(folder, 'pgveil.yaml');
  const spool = join(folder, 'audit');
  const logFile = join(folder, 'pgveil.log');
  await mkdir(policies);
  await writeFile(join(policies, 'bench.yaml'), stringify(policy(options.consent)));
  const redis = options.redisUrl === undefined ? {} : { redis: options.redisUrl, stream };
  await writeFile(
    configFile,
    stringify({
      listen: {
        port,
        ...(options.tls === undefined
          ? {}
          : { tls: { mode: 'prefer', cert: options.tls.cert, key: options.tls.key } }),
      },
      workers: options.workers ?? 1,
      upstream: { port: options.upstreamPort },
      catalog: { url: `postgres://postgres@127.0.0.1:${options.upstreamPort}/${database}` },
      policies,
      audit: { ...redis, spool, durability: options.durability ?? 'relaxed' },
      admin: { port: admin },
    }),
  );
  try {
    const server = await startServerProcess({
      command: process.execPath,
      args: [...(options.nodeFlags ?? []), executable, 'serve', '-c', configFile, '--log-level', 'warn'],
      folder,
      env: { PATH: dirname(process.execPath) },
      logFile,
      orphanSignal: 'KILL',
    });
    await untilPortAnswers({ what: 'pgveil', port, server, logFile });
    return {
      port,
      pid: server.pid,
      configFile,
      spool,
      admin,
      async stop() {
        await server.end('SIGINT');
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** The only column that the measured statement returns is masked, and every row of its table needs a consent. */
function policy(consent: 'single' | 'history'): unknown {
  return {
    version: 1,
    mode: 'enforce',
    unlabelled: 'clear',
    unlisted_tables: 'deny',
    labels: { 'finance.balance': ['public.pgbench_accounts.abalance'] },
    subjects: { 'public.pgbench_accounts': { key: 'aid' } },
    masks: { hundreds: { kind: 'bucket', size: bucketSize } },
    consent: {
      source: 'public.consents',
      subject: 'aid',
      purpose: 'purpose',
      status: 'status',
      given: ['given'],
      ...(consent === 'history' ? { recorded_at: 'recorded_at' } : {}),
    },
    purposes: { service: { legal_basis: 'consent', consent: 'service' } },
    roles: {
      reader: {
        purposes: ['service'],
        masks: { 'finance.balance': 'hundreds' },
        owner: 'bench@example.com',
        review_by: '2099-12-31',
      },
    },
    sessions: [
      { user: users.plain, exempt: true },
      { user: users.connections, exempt: true, audit: 'connections' },
      { user: users.governed, role: 'reader' },
    ],
  };
}

/** What pgveil sends to the server for a statement of the governed user. */
export async function rewritten(configFile: string, sql: string): Promise<string> {
  const args = [executable, 'explain', '-c', configFile, '--role', 'reader', '--format', 'json', sql];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const explained = JSON.parse(stdout) as { statements?: { sql?: unknown }[] };
  const text = explained.statements?.[0]?.sql;
  if (typeof text !== 'string') throw new Error(`pgveil explain gave no SQL:\n${stdout}`);
  return text;
}
