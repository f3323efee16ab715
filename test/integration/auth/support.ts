/** A proxy that ends log-ins, roles of the test's own, and a client that speaks the log-in byte by byte. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { encodeFrontend } from '../../../src/wire/frontend-message.js';
import { openFrame } from '../../../src/wire/codec.js';
import { authentication, type Authentication } from '../../../src/wire/messages/authentication.js';
import { errorField, errorResponse } from '../../../src/wire/messages/error-response.js';
import { saslInitialResponse } from '../../../src/wire/messages/password.js';
import { encodeStartupPacket } from '../../../src/wire/startup.js';
import type { TestDatabase } from '../../support/databases.js';
import { startProxy, type Proxy, type ProxyOptions } from '../../support/proxy.js';

export interface ScramWorld {
  readonly proxy: Proxy;
  readonly db: TestDatabase;
  readonly folder: string;
  /** A role's name, not used by another test; dropped at the end. */
  role(suffix: string): string;
  /** As the superuser. */
  sql(text: string): Promise<pg.QueryResult>;
  client(user: string, password: string, more?: pg.ClientConfig): pg.Client;
  /** `ok`, or the SQLSTATE and message of the refusal. */
  logIn(user: string, password: string, more?: pg.ClientConfig): Promise<string>;
  raw(user: string, parameters?: readonly (readonly [string, string])[], minor?: number): Promise<RawClient>;
  /** Connections of other programs than the proxy's own and the test's. */
  stop(): Promise<void>;
}

const everybodyExempt = `version: 1
mode: enforce
unlabelled: clear
unlisted_tables: allow
sessions:
  - { exempt: true }
`;

export interface WorldOptions {
  readonly policies?: string;
  readonly flags?: (db: TestDatabase, folder: string) => Readonly<Record<string, string>>;
  readonly proxy?: Omit<ProxyOptions, 'flags' | 'policies'>;
}

export function queryFlags(db: TestDatabase): Record<string, string> {
  return { 'auth.mode': 'scram', 'auth.verifiers.from': 'query', 'auth.verifiers.url': db.url() };
}

export async function startScramWorld(version: 15 | 18, options: WorldOptions = {}): Promise<ScramWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'pgveil-auth-'));
  const policies = join(folder, 'policies');
  await import('node:fs').then(({ mkdirSync }) => mkdirSync(policies));
  writeFileSync(join(policies, 'policy.yaml'), options.policies ?? everybodyExempt);
  const proxy = await startProxy(version, {
    ...options.proxy,
    policies,
    flags: (db) => (options.flags ?? queryFlags)(db, folder),
  });
  const { db, app } = proxy;
  const roles = new Set<string>();
  const client = (user: string, password: string, more: pg.ClientConfig = {}): pg.Client => {
    const made = new pg.Client({
      host: '127.0.0.1',
      port: app.ports.proxy,
      user,
      password,
      database: db.name,
      ...more,
    });
    made.on('error', () => undefined);
    return made;
  };
  return {
    proxy,
    db,
    folder,
    role(suffix) {
      const name = `${db.name}_${suffix}`;
      roles.add(name);
      return name;
    },
    sql: (text) => db.query(text),
    client,
    async logIn(user, password, more) {
      const one = client(user, password, more);
      try {
        await one.connect();
        await one.query('SELECT 1');
        return 'ok';
      } catch (error) {
        const { code = '', message } = error as { code?: string; message: string };
        return `${code} ${message}`.trim();
      } finally {
        await one.end().catch(() => undefined);
      }
    },
    raw: (user, parameters = [], minor = 0) =>
      RawClient.open(app.ports.proxy, [['user', user], ['database', db.name], ...parameters], minor),
    async stop() {
      for (const role of roles) await db.query(`DROP ROLE IF EXISTS "${role}"`).catch(() => undefined);
      await proxy.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface Seen {
  readonly type: string;
  readonly frame: Buffer;
}

/** Frames in and out. Never sends anything by itself. */
export class RawClient {
  readonly socket: net.Socket;
  readonly bytes: Buffer[] = [];
  private pending = Buffer.alloc(0);
  private readonly frames: Seen[] = [];
  private wake: (() => void) | undefined;
  closed = false;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.bytes.push(chunk);
      this.pending = Buffer.concat([this.pending, chunk]);
      while (this.pending.length >= 5 && this.pending.length > this.pending.readInt32BE(1)) {
        const end = this.pending.readInt32BE(1) + 1;
        this.frames.push({
          type: String.fromCharCode(this.pending[0]!),
          frame: this.pending.subarray(0, end),
        });
        this.pending = this.pending.subarray(end);
      }
      this.wake?.();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
      this.wake?.();
    });
  }

  static async open(
    port: number,
    parameters: readonly (readonly [string, string])[],
    minor = 0,
  ): Promise<RawClient> {
    const socket = net.connect(port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    const client = new RawClient(socket);
    socket.write(encodeStartupPacket({ kind: 'startup', protocol: { major: 3, minor }, parameters }));
    return client;
  }

  /** The next message; undefined when the connection has ended. */
  async next(): Promise<Seen | undefined> {
    for (;;) {
      const seen = this.frames.shift();
      if (seen !== undefined) return seen;
      if (this.closed) return undefined;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  async authentication(): Promise<Authentication> {
    const seen = await this.next();
    if (seen?.type !== 'R') throw new Error(`no authentication message but ${describeSeen(seen)}`);
    return authentication.decode(openFrame(seen.frame, 'authentication'));
  }

  /** Everything until the end of the connection, in words. */
  async rest(): Promise<string> {
    const all: string[] = [];
    for (;;) {
      const seen = await this.next();
      if (seen === undefined) return all.join(' ');
      all.push(describeSeen(seen));
    }
  }

  sasl(mechanism: string, response: Buffer | string | null): void {
    const data = typeof response === 'string' ? Buffer.from(response) : response;
    this.socket.write(encodeFrontend(saslInitialResponse({ mechanism, response: data })));
  }

  password(data: Buffer | string): void {
    this.socket.write(encodeFrontend({ kind: 'password', data: Buffer.from(data as string) }));
  }

  end(): void {
    this.socket.destroy();
  }
}

export function describeSeen(seen: Seen | undefined): string {
  if (seen === undefined) return 'the end';
  if (seen.type !== 'E') return seen.type;
  const message = errorResponse.decode(openFrame(seen.frame, 'error-response'));
  return `${errorField(message, 'C')} ${errorField(message, 'M')}`;
}

/** Runs Debian's psql (libpq 15); its output, or what it says on stderr. */
export function psql(settings: Readonly<Record<string, string>>, sql: string): Promise<string> {
  return new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], HOME: tmpdir(), ...settings };
    execFile('psql', ['-X', '-A', '-t', '-c', sql], { env }, (error, stdout, stderr) => {
      resolve(error === null ? stdout.trim() : stderr.trim());
    });
  });
}
