/** A listener with a planner and ports made for these tests, before a real server. */
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  AuditPort,
  AuditTicket,
  LifecycleEvent,
  StatementOutcome,
  StatementRecord,
} from '../../../src/audit/types.js';
import type {
  EnforceContext,
  EnforcedSql,
  Plan,
  PlanFacts,
  Planner,
  QueryPlan,
  Refusal,
  SessionEffect,
} from '../../../src/enforce/types.js';
import type { SessionRule } from '../../../src/policy/types.js';
import { defaultLimits, type Ports, type SessionLimits } from '../../../src/session/ports.js';
import type { Places } from '../../../src/session/places.js';
import { type Listener, startListener } from '../../../src/session/server.js';
import { decodeBackend, type BackendMessage } from '../../../src/wire/backend-message.js';
import { backendTable } from '../../../src/wire/frame-table.js';
import { Framer } from '../../../src/wire/framer.js';
import { encodeFrontend, type FrontendMessage } from '../../../src/wire/frontend-message.js';
import { backendTypes, type BackendKind } from '../../../src/wire/message-types.js';
import { errorField } from '../../../src/wire/messages/error-response.js';
import { passwordMessage } from '../../../src/wire/messages/password.js';
import { encodeStartupPacket } from '../../../src/wire/startup.js';

export interface Statement {
  readonly record: StatementRecord;
  readonly outcome: StatementOutcome;
}

/** Keeps what the session told; `gate` makes intents and outcomes wait, or fail. */
export class RecordingAudit implements AuditPort {
  readonly statements: Statement[] = [];
  readonly events: LifecycleEvent[] = [];
  readonly order: string[] = [];
  readyFor: (record: StatementRecord) => Promise<void> | undefined = () => undefined;
  outcomeFor: (record: StatementRecord) => Promise<void> | undefined = () => undefined;

  intent(record: StatementRecord): AuditTicket {
    this.order.push(`intent ${record.command}`);
    const ready = this.readyFor(record);
    ready?.catch(() => undefined);
    return { uid: String(this.order.length), ready };
  }

  outcome(
    _ticket: AuditTicket,
    record: StatementRecord,
    outcome: StatementOutcome,
  ): Promise<void> | undefined {
    this.order.push(`outcome ${record.command}`);
    this.statements.push({ record, outcome });
    return this.outcomeFor(record);
  }

  lifecycle(event: LifecycleEvent): void {
    this.events.push(event);
  }

  /** command decision status rows, one line a statement. */
  lines(): string[] {
    return this.statements.map(
      ({ record, outcome }) => `${record.command} ${record.decision} ${outcome.status} ${outcome.rows}`,
    );
  }
}

const refusal: Refusal = {
  code: 'statement-not-allowed',
  sqlstate: '42501',
  message: 'this is refused',
  detail: 'rule test',
  hint: 'do not',
  rule: 'test',
};

/**
 * Refuses texts with REFUSED, rewrites MASKED to 'masked', forwards the rest, forbids the column of FORBIDDEN(oid:attnum).
 * UNKNOWN_RELATION is refused until `known`. Statements are cut at semicolons, which no test text has in a literal.
 */
export class TestPlanner implements Planner {
  version = 1;
  known = true;
  slow = false;
  planned = 0;

  plan(sql: Uint8Array, session: { readonly searchPath: readonly string[] }): QueryPlan | Promise<QueryPlan> {
    this.planned++;
    const text = Buffer.from(sql).toString('latin1');
    const plans = text
      .split(';')
      .map((one) => one.trim())
      .filter((one) => one !== '')
      .map((one) => this.one(one, session.searchPath));
    const plan: QueryPlan = {
      plans,
      auditText: text,
      shapeId: 'shape',
      tags: {},
      cache: 'miss',
      epoch: this.epoch(),
    };
    return this.slow ? new Promise((resolve) => setTimeout(() => resolve(plan), 5)) : plan;
  }

  epoch(): string {
    return `epoch ${this.version}`;
  }

  describe(sql: Uint8Array): ReturnType<Planner['describe']> {
    const text = Buffer.from(sql).toString('latin1');
    return { auditText: text, shapeId: 'shape', command: commandOf(text), tags: {} };
  }

  private one(sql: string, path: readonly string[]): Plan {
    const forbidden = /FORBIDDEN\((\d+:\d+)\)/.exec(sql)?.[1];
    const facts: PlanFacts = {
      command: commandOf(sql),
      protectedData: false,
      tables: [],
      columns: {},
      maskedLabels: [],
      rules: [],
      outputs: undefined,
      forbiddenFields: new Set(forbidden === undefined ? [] : [forbidden]),
      consent: undefined,
      effect: effectOf(sql),
    };
    if (/REFUSED/.test(sql) || (this.version > 1 && /LATER/.test(sql)))
      return { kind: 'refuse', refusal, facts };
    if (/UNKNOWN_RELATION/.test(sql) && !this.known)
      return { kind: 'refuse', refusal: { ...refusal, code: 'unknown-relation', sqlstate: '42P01' }, facts };
    const rewritten = sql
      .replaceAll('MASKED', `'masked ${this.version}'`)
      .replaceAll('PLANNED_PATH', `'${path.join(',')}'`)
      .replaceAll('UNKNOWN_RELATION', '1');
    return { kind: rewritten === sql ? 'forward' : 'rewrite', sql: rewritten as EnforcedSql, facts };
  }
}

function commandOf(sql: string): string {
  return (/^\s*(\w+)/.exec(sql)?.[1] ?? 'EMPTY').toUpperCase();
}

function effectOf(sql: string): SessionEffect | undefined {
  const word = (pattern: RegExp): string | undefined => pattern.exec(sql)?.[1];
  const name = word(/^(?:PREPARE|EXECUTE|DEALLOCATE|DECLARE) (\w+)/i) ?? '';
  if (/^PREPARE/i.test(sql)) return { kind: 'prepare', name };
  if (/^EXECUTE/i.test(sql)) return { kind: 'execute', name };
  if (/^DEALLOCATE/i.test(sql)) return { kind: 'deallocate', name: name === 'all' ? undefined : name };
  if (/^DECLARE/i.test(sql)) return { kind: 'declare-cursor', name };
  const fetched = word(/^FETCH .*FROM (\w+)/i);
  if (fetched !== undefined) return { kind: 'fetch', name: fetched };
  const path = /^SET (LOCAL )?search_path (?:TO|=) (.*)$/i.exec(sql);
  if (path !== null)
    return {
      kind: 'set',
      changes: [
        {
          setting: 'path',
          value: path[2]!.split(',').map((one) => one.trim()),
          local: path[1] !== undefined,
        },
      ],
    };
  if (/^RESET search_path/i.test(sql))
    return { kind: 'set', changes: [{ setting: 'path', value: undefined, local: false }] };
  if (/^DISCARD ALL/i.test(sql)) return { kind: 'discard-all' };
  const transaction = [
    [/^BEGIN/i, 'begin'],
    [/^COMMIT/i, 'commit'],
    [/^ROLLBACK TO (\w+)/i, 'rollback-to'],
    [/^ROLLBACK/i, 'rollback'],
    [/^SAVEPOINT (\w+)/i, 'savepoint'],
    [/^RELEASE (\w+)/i, 'release'],
  ] as const;
  for (const [pattern, what] of transaction) {
    const match = pattern.exec(sql);
    if (match !== null) return { kind: 'transaction', what, name: match[1] };
  }
  return undefined;
}

export interface Proxy extends Listener {
  readonly audit: RecordingAudit;
  readonly planner: TestPlanner;
  readonly ddl: string[];
  /** The databases that a context was asked for. */
  readonly asked: string[];
  readonly guardTrips: () => number;
  /** The reasons as the metrics count them. */
  readonly authFailures: string[];
  refreshes: number;
  mode: 'enforce' | 'observe';
  ready: boolean;
  stop(): Promise<void>;
}

const rule = (fields: Partial<SessionRule>): SessionRule => ({
  place: { file: 'test', line: 1, column: 1 },
  exempt: false,
  audit: 'statements',
  role: undefined,
  purpose: undefined,
  ...fields,
});

export interface ProxyOptions {
  readonly limits?: Partial<SessionLimits>;
  /** By user; 'postgres' is exempt, 'crm_admin' exempt with connections only, the others governed. */
  readonly matchSession?: Ports['matchSession'];
  readonly encryption?: Ports['encryption'];
  readonly authentication?: Ports['authentication'];
  readonly places?: Places;
  readonly purposes?: ReadonlyMap<string, { readonly legalBasis: string }>;
  /** Absent: known at once. */
  readonly lateCatalogMs?: number;
}

export async function startProxy(
  upstream: { host: string; port: number },
  options: ProxyOptions = {},
): Promise<Proxy> {
  const audit = new RecordingAudit();
  const planner = new TestPlanner();
  const ddl: string[] = [];
  const asked: string[] = [];
  const authFailures: string[] = [];
  let trips = 0;
  const nothing = (): void => undefined;
  const log = (fields: object, message: string): void => {
    if (message === 'a session ended on a bug') console.error(message, fields);
  };
  const listener = await startListener({
    host: '127.0.0.1',
    port: 0,
    planner,
    audit,
    observer: {
      statement: nothing,
      planned: nothing,
      connection: nothing,
      bytes: nothing,
      upstreamError: nothing,
      guardTrip: () => trips++,
      authFailure: (reason) => authFailures.push(reason),
    },
    logger: { debug: nothing, info: nothing, warn: nothing, error: log },
    upstream,
    encryption: options.encryption,
    authentication: options.authentication,
    ...(options.places === undefined ? {} : { places: options.places }),
    limits: { ...defaultLimits, ...options.limits },
    policyIdentity: () => ({ name: 'test', version: '1' }),
    matchSession:
      options.matchSession ??
      (({ user }) => {
        if (user === 'postgres') return rule({ exempt: true });
        if (user === 'crm_admin') return rule({ exempt: true, audit: 'connections' });
        return user === 'pgveil_catalog' ? undefined : rule({ role: 'support', purpose: 'support' });
      }),
    contextFor: (database) => {
      asked.push(database);
      if (!proxy.ready) return undefined;
      const context = {
        policy: {
          mode: proxy.mode,
          purposes: options.purposes ?? new Map(),
          roles: new Map(),
          allowedFunctions: new Set(),
        },
        catalog: { typesWithCode: new Map(), userCasts: [] },
      } as unknown as EnforceContext;
      // A database that is met for the first time has its catalog loaded first.
      return options.lateCatalogMs === undefined || asked.indexOf(database) < asked.length - 1
        ? context
        : sleep(options.lateCatalogMs, context);
    },
    noteDdl: (database) => void ddl.push(database),
    refreshCatalog: () => {
      proxy.refreshes++;
      return Promise.resolve();
    },
  });
  const proxy: Proxy = {
    ...listener,
    get connections() {
      return listener.connections;
    },
    audit,
    planner,
    ddl,
    asked,
    guardTrips: () => trips,
    authFailures,
    refreshes: 0,
    mode: 'enforce',
    ready: true,
    stop: () => listener.close({ graceMs: 0 }),
  };
  return proxy;
}

interface Sasl {
  startSession(mechanisms: string[]): { mechanism: string; response: string };
  continueSession(session: object, password: string, data: string): Promise<void>;
}

/** A client that sends exactly the messages it is told, for exact orders. */
export class RawClient {
  readonly messages: BackendMessage[] = [];
  received = Buffer.alloc(0);
  closed = false;
  readonly socket: net.Socket;
  private readonly framer = new Framer(
    backendTable({ interest: Object.keys(backendTypes) as BackendKind[], maxInterestingBytes: 1 << 28 }),
  );
  private wake: (() => void) | undefined;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.framer.push(chunk, {
        bytes: () => undefined,
        oversized: () => [],
        message: (_type, frame) => {
          this.messages.push(decodeBackend(Buffer.from(frame)));
          return 'drop';
        },
      });
      this.wake?.();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
      this.wake?.();
    });
  }

  static async open(at: { host: string; port: number }): Promise<RawClient> {
    const socket = net.connect({ host: at.host, port: at.port });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** Connects and waits for ReadyForQuery; `keep` leaves the messages until then in place. */
  static async login(
    at: { host: string; port: number },
    parameters: Readonly<Record<string, string>>,
    password: string,
    { minor = 0, keep = false } = {},
  ): Promise<RawClient> {
    const client = await RawClient.open(at);
    client.startup(parameters, minor);
    await client.authenticate(password);
    await client.until('ready-for-query');
    if (keep) return client;
    client.messages.length = 0;
    client.received = Buffer.alloc(0);
    return client;
  }

  startup(parameters: Readonly<Record<string, string>>, minor = 0): void {
    this.socket.write(
      encodeStartupPacket({
        kind: 'startup',
        protocol: { major: 3, minor },
        parameters: Object.entries(parameters),
      }),
    );
  }

  private async authenticate(password: string): Promise<void> {
    // @ts-expect-error -- pg has no types for this file
    const { default: untyped } = (await import('pg/lib/crypto/sasl.js')) as { default: unknown };
    const sasl = untyped as Sasl;
    await this.some((message) => message.kind === 'authentication' || message.kind === 'error-response');
    const first = this.messages.find((message) => message.kind === 'authentication');
    if (first?.method === 'cleartext-password') this.send(passwordMessage(Buffer.from(password)));
    if (first?.method !== 'sasl') return;
    const session = sasl.startSession(['SCRAM-SHA-256']);
    const data = Buffer.from(session.response);
    const length = Buffer.alloc(4);
    length.writeInt32BE(data.length);
    this.send({ kind: 'password', data: Buffer.concat([Buffer.from('SCRAM-SHA-256\0'), length, data]) });
    await this.some((message) => message.kind === 'authentication' && message.method === 'sasl-continue');
    const next = this.messages.flatMap((message) =>
      message.kind === 'authentication' && message.method === 'sasl-continue'
        ? [message.data.toString()]
        : [],
    );
    await sasl.continueSession(session, password, next[0]!);
    this.send({ kind: 'password', data: Buffer.from(session.response) });
  }

  /** All in one write. */
  send(...messages: FrontendMessage[]): void {
    this.socket.write(Buffer.concat(messages.map(encodeFrontend)));
  }

  /** Until so many messages of a kind have come. */
  async until(kind: BackendKind, count = 1): Promise<BackendMessage[]> {
    await this.some(() => this.messages.filter((message) => message.kind === kind).length >= count);
    return this.messages;
  }

  async untilClosed(): Promise<BackendMessage[]> {
    while (!this.closed) await new Promise<void>((resolve) => (this.wake = resolve));
    return this.messages;
  }

  private async some(condition: (message: BackendMessage) => boolean): Promise<void> {
    while (!this.messages.some(condition)) {
      if (this.closed)
        throw new Error(`the connection was closed after ${JSON.stringify(transcript(this.messages))}`);
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Kinds in order, with SQLSTATE, tag and transaction status; rows by number of values. */
export function transcript(messages: readonly BackendMessage[]): string[] {
  return messages.map((message) => {
    if (message.kind === 'error-response') return `error ${errorField(message, 'C') ?? ''}`;
    if (message.kind === 'command-complete') return `complete ${message.tag}`;
    if (message.kind === 'ready-for-query') return `ready ${message.status}`;
    return message.kind;
  });
}

export const query = (sql: string): FrontendMessage => ({ kind: 'query', sql: Buffer.from(sql) });
export const parse = (sql: string, statement = ''): FrontendMessage => ({
  kind: 'parse',
  statement,
  sql: Buffer.from(sql),
  parameterTypes: [],
});
export const bind = (statement = '', portal = ''): FrontendMessage => ({
  kind: 'bind',
  portal,
  statement,
  parameterFormats: [],
  parameters: [],
  resultFormats: [],
});
export const execute = (portal = '', maxRows = 0): FrontendMessage => ({ kind: 'execute', portal, maxRows });
export const describeStatement = (name = ''): FrontendMessage => ({
  kind: 'describe',
  target: 'statement',
  name,
});
export const sync: FrontendMessage = { kind: 'sync' };
export const flush: FrontendMessage = { kind: 'flush' };
export const copyData = (text: string): FrontendMessage => ({ kind: 'copy-data', data: Buffer.from(text) });
export const copyDone: FrontendMessage = { kind: 'copy-done' };
