/**
 * Records conversations of real clients with a real server for test/integration/hostile/transcripts.test.ts:
 * `npx tsx scripts/record-transcripts.ts` writes test/transcripts/*.json. The server trusts everybody, so no password
 * and no secret of a log-in is in them. Literals hold no semicolon, because the tests' planner cuts texts there.
 */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import postgres from 'postgres';
import { startPostgres } from '../src/cli/launch/postgres.js';
import { startRelay, type RelayedConnection } from '../test/support/relay.js';

const run = promisify(execFile);

interface Step {
  from: 'client' | 'server';
  bytes: Buffer;
}

type Target = {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
};

async function psql(at: Target, script: string): Promise<void> {
  const args = ['-X', '-q', '-h', at.host, '-p', String(at.port), '-U', at.user, '-d', at.database];
  const child = run('psql', args);
  child.child.stdin!.end(script);
  await child;
}

const conversations: Readonly<Record<string, (at: Target) => Promise<void>>> = {
  'psql-simple': (at) =>
    psql(
      at,
      [
        "SELECT 1 AS one, NULL AS nothing, 'zwei' AS two;",
        'SELECT 1 / 0;',
        'DROP TABLE IF EXISTS not_there;',
        "SELECT 'a'\\; SELECT 'b';",
        'BEGIN;',
        'SELECT nowhere;',
        'ROLLBACK;',
        '\\echo done\n',
      ].join('\n'),
    ),
  'psql-copy-and-cursor': (at) =>
    psql(
      at,
      [
        'CREATE TEMPORARY TABLE kept (id int, name text);',
        'COPY kept FROM STDIN;\n1\tone\n2\ttwo\n3\t\\N\n\\.',
        'COPY kept FROM STDIN;\nno number\n\\.',
        'COPY kept TO STDOUT;',
        'BEGIN;',
        'DECLARE few CURSOR FOR SELECT id FROM kept;',
        'FETCH 2 FROM few;',
        'FETCH 2 FROM few;',
        'CLOSE few;',
        'COMMIT;\n',
      ].join('\n'),
    ),
  'pg-extended': async (at) => {
    const client = new pg.Client({ ...at, password: '' });
    await client.connect();
    for (const id of [1, 2])
      await client.query({
        name: 'named',
        text: 'SELECT $1::int AS id, $2::text AS name',
        values: [id, 'x'],
      });
    // `rows` is pg's own word for the row limit of Execute, which makes the portal suspend itself.
    await client.query({
      text: 'SELECT n FROM generate_series(1, 5) n',
      values: [],
      rows: 2,
    } as pg.QueryConfig);
    await client.query('SELECT $1::int / 0', [1]).catch(() => undefined);
    await client.query('LISTEN news');
    await client.query("NOTIFY news, 'paper'");
    await client.end();
  },
  'postgres-js': async (at) => {
    const sql = postgres({ ...at, max: 1, fetch_types: false });
    await sql`SELECT ${1}::int AS id, ${'x'}::text AS name`;
    await sql`SELECT ${2}::int AS id, ${'y'}::text AS name`;
    await sql.begin(async (tx) => {
      await tx`SELECT ${3}::int AS id`;
    });
    await sql`SELECT 1 / ${0}::int`.catch(() => undefined);
    await sql`SELECT n FROM generate_series(1, 3) n`.cursor(2, () => undefined);
    await sql.end();
  },
  'pgbench-prepared': async (at) => {
    const place = ['-h', at.host, '-p', String(at.port), '-U', at.user];
    await run('pgbench', [...place, '-n', '-M', 'prepared', '-t', '3', at.database]);
  },
};

const server = await startPostgres({ version: 18, auth: 'trust' });
const recorded = new Map<RelayedConnection, Step[]>();
const relay = await startRelay(server, {
  intercept: (chunk, connection) => {
    let steps = recorded.get(connection);
    if (steps === undefined) {
      const kept: Step[] = [];
      steps = kept;
      recorded.set(connection, kept);
      connection.toServer.on('data', (bytes: Buffer) => void kept.push({ from: 'server', bytes }));
    }
    steps.push({ from: 'client', bytes: chunk });
    return false;
  },
});
const at: Target = { host: relay.host, port: relay.port, user: server.superuser, database: 'postgres' };
try {
  const direct = ['-h', server.host, '-p', String(server.port), '-U', server.superuser];
  await run('pgbench', [...direct, '-i', '-q', 'postgres']);
  for (const [name, converse] of Object.entries(conversations)) {
    recorded.clear();
    await converse(at);
    // pgbench looks at its tables over a connection of its own first: the last one is the conversation.
    const steps = [...recorded.values()].at(-1)!;
    const lines = steps.map(
      ({ from, bytes }) => `  { "from": "${from}", "bytes": "${bytes.toString('base64')}" }`,
    );
    await writeFile(`test/transcripts/${name}.json`, `[\n${lines.join(',\n')}\n]\n`);
    const count = (from: Step['from']): number =>
      steps.filter((step) => step.from === from).reduce((sum, { bytes }) => sum + bytes.length, 0);
    console.log(`${name}: ${count('client')} bytes of the client, ${count('server')} of the server`);
  }
} finally {
  await relay.stop();
  await server.stop();
}
