/**
 * Asks the database what it knows of a user's password. It knows neither the forms that passwords are kept in nor what
 * an answer means for a log-in, and keeps no answer.
 *
 * One connection, one question at a time: however many clients try to log in, the server sees one backend at work.
 */
import { performance } from 'node:perf_hooks';
import pg from 'pg';

export interface RolePasswordRow {
  /** As pg_authid.rolpassword has it. */
  readonly secret: string | undefined;
  /** In milliseconds since 1970; infinite where the column says so; undefined: for ever. */
  readonly validUntil: number | undefined;
}

export interface RolePasswordsOptions {
  readonly url: string;
  /** With the user's name as $1. */
  readonly query?: string | undefined;
  /** From the question to the answer, the wait for others' included. */
  readonly timeoutMs: number;
}

/** pg_shadow and pg_user would do too, but only pg_authid says nothing else about the server. */
export const DEFAULT_QUERY =
  'SELECT rolname, rolpassword, rolvaliduntil FROM pg_catalog.pg_authid WHERE rolname OPERATOR(pg_catalog.=) $1';

/** More would wait longer than anybody's log-in may take. */
const MOST_WAITING = 2_000;

interface Question {
  readonly user: string;
  readonly deadline: number;
  readonly answer: Promise<RolePasswordRow | undefined>;
  resolve(row: RolePasswordRow | undefined): void;
  reject(error: Error): void;
}

export class RolePasswords {
  readonly #options: RolePasswordsOptions;
  /** By user, in the order of their coming. Those that are being asked are not among them. */
  readonly #waiting = new Map<string, Question>();
  #client: pg.Client | undefined;
  #iterations: number | undefined;
  #running = false;
  #closed = false;

  constructor(options: RolePasswordsOptions) {
    this.#options = options;
  }

  /** scram_iterations of the server (16 and later), once it was asked anything. */
  get iterations(): number | undefined {
    return this.#iterations;
  }

  /**
   * Reads what is in force now: who comes while a question waits shares its answer, but never one that was asked before.
   * Undefined: there is no such user. Rejects when the server cannot be asked.
   */
  lookUp(user: string): Promise<RolePasswordRow | undefined> {
    const joined = this.#waiting.get(user);
    if (joined !== undefined) return joined.answer;
    if (this.#closed || this.#waiting.size >= MOST_WAITING)
      return Promise.reject(new Error('too many log-ins wait for their verifiers'));
    const deadline = performance.now() + this.#options.timeoutMs;
    let settle: Pick<Question, 'resolve' | 'reject'>;
    const answer = new Promise<RolePasswordRow | undefined>((resolve, reject) => {
      settle = { resolve, reject };
    });
    this.#waiting.set(user, { user, deadline, answer, ...settle! });
    if (!this.#running) {
      this.#running = true;
      void this.#run();
    }
    return answer;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  async #run(): Promise<void> {
    for (;;) {
      const [question] = this.#waiting.values();
      if (question === undefined) break;
      this.#waiting.delete(question.user);
      try {
        if (performance.now() > question.deadline) throw new Error('the verifiers took too long');
        question.resolve(await this.#ask(question.user));
      } catch (error) {
        question.reject(error instanceof Error ? error : new Error(String(error)));
      }
    }
    this.#running = false;
  }

  async #ask(user: string): Promise<RolePasswordRow | undefined> {
    const kept = this.#client;
    if (kept !== undefined) {
      try {
        return await this.#query(kept, user);
      } catch (error) {
        if (isAnswer(error)) throw error;
        // A connection that was idle may have died with a restart of the server: a new one tells.
        this.#drop(kept);
      }
    }
    const client = await this.#connect();
    try {
      return await this.#query(client, user);
    } catch (error) {
      if (!isAnswer(error)) this.#drop(client);
      throw error;
    }
  }

  async #query(client: pg.Client, user: string): Promise<RolePasswordRow | undefined> {
    const { rows } = await client.query<Record<string, unknown>>({
      text: this.#options.query ?? DEFAULT_QUERY,
      values: [user],
      types: readTimes,
    });
    if (rows.length > 1) throw new AnswerProblem('the query of auth.verifiers gave more than one row');
    return rows[0] === undefined ? undefined : readRow(rows[0], user);
  }

  async #connect(): Promise<pg.Client> {
    const { url, timeoutMs } = this.#options;
    const client = new pg.Client({
      connectionString: url,
      fallback_application_name: 'pgveil verifiers',
      connectionTimeoutMillis: timeoutMs,
      query_timeout: timeoutMs,
      keepAlive: true,
    });
    // A connection that breaks between two questions emits 'error', which would end the process if nobody listened.
    client.on('error', () => this.#drop(client));
    try {
      await client.connect();
      // A role or a database may have another one, in which 01/02/2026 is anybody's guess.
      await client.query('SET DateStyle = ISO');
      const { rows } = await client.query<{ count: string | null }>(
        "SELECT pg_catalog.current_setting('scram_iterations', true) AS count",
      );
      this.#iterations = Number(rows[0]?.count ?? '') || undefined;
    } catch (error) {
      this.#drop(client);
      throw error;
    }
    if (this.#closed) this.#drop(client);
    else this.#client = client;
    return client;
  }

  #drop(client: pg.Client): void {
    if (this.#client === client) this.#client = undefined;
    client.end().catch(() => undefined);
  }
}

const TIMES: ReadonlySet<number> = new Set([
  pg.types.builtins.DATE,
  pg.types.builtins.TIMESTAMP,
  pg.types.builtins.TIMESTAMPTZ,
]);

/** FAIL-CLOSED: pg reads a time that it does not understand as null, and no time means for ever. */
const readTimes: pg.CustomTypesConfig = {
  getTypeParser: ((...type: Parameters<typeof pg.types.getTypeParser>) => {
    const read = pg.types.getTypeParser(...type) as (text: string) => unknown;
    return TIMES.has(type[0]) ? (text: string) => read(text) ?? NaN : read;
  }) as typeof pg.types.getTypeParser,
};

/** What the server or the query said, as against a connection that failed. */
class AnswerProblem extends Error {}

function isAnswer(error: unknown): boolean {
  // Class 57 is the server going down, 08 the connection.
  return (
    error instanceof AnswerProblem ||
    (error instanceof pg.DatabaseError && !/^(57|08)/.test(error.code ?? ''))
  );
}

/** Columns by name, so that PgBouncer's auth_query (usename, passwd) works as it is. */
function readRow(row: Readonly<Record<string, unknown>>, user: string): RolePasswordRow {
  const name = row['rolname'] ?? row['usename'];
  // FAIL-CLOSED: a query that compares loosely would let one user in with another's password.
  if (name !== undefined && name !== user)
    throw new AnswerProblem('the query of auth.verifiers answered for another user');
  if (!('rolpassword' in row || 'passwd' in row))
    throw new AnswerProblem('the query of auth.verifiers gives no column rolpassword or passwd');
  const secret = row['rolpassword'] ?? row['passwd'] ?? undefined;
  if (secret !== undefined && typeof secret !== 'string')
    throw new AnswerProblem('the query of auth.verifiers gives a password that is no text');
  return { secret, validUntil: readTime(row['rolvaliduntil'] ?? row['valuntil'] ?? undefined) };
}

/** pg reads timestamptz as a Date, and 'infinity' as a number. */
function readTime(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const time =
    value instanceof Date ? value.getTime() : typeof value === 'string' ? Date.parse(value) : value;
  if (typeof time !== 'number' || Number.isNaN(time))
    throw new AnswerProblem('the query of auth.verifiers gives a rolvaliduntil that is no time');
  return time;
}
