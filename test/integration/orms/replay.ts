/**
 * Sends recorded statements as they were sent: same text, protocol, declared types and parameter formats, one client for each
 * recorded connection. Each statement is tried for itself: one that fails inside a transaction does not fail those behind it.
 */
import type pg from 'pg';
import type { RecordedStatement, RecordedValue } from '../../orm-corpus/corpus.js';

export type Answer =
  | { readonly ok: true; readonly rows: readonly string[]; readonly tag: string }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly detail: string };

/** What of pg's connection is used here; its own types do not tell. */
interface Wire {
  query(text: string): void;
  parse(message: { text: string; name: string; types: readonly number[] }): void;
  bind(message: { statement: string; values: readonly (string | Buffer | null)[] }): void;
  describe(message: { type: 'P'; name: string }): void;
  execute(message: { portal: string; rows: number }): void;
  sync(): void;
  on(event: 'readyForQuery', heard: (message: { status: string }) => void): void;
}

const transactionControl =
  /^\s*(?:begin|start|commit|rollback|savepoint|release|end|abort|set\s+transaction)\b/i;

/** Replays in order, and gives one answer a statement. */
export async function replay(
  statements: readonly RecordedStatement[],
  connect: () => Promise<pg.Client>,
): Promise<readonly Answer[]> {
  const connections = new Map<number, Replayer>();
  const answers: Answer[] = [];
  for (const statement of statements) {
    let replayer = connections.get(statement.connection);
    if (replayer === undefined) {
      // The program had ended the connections before; a transaction left open would hold its locks.
      replayer = new Replayer(await connect());
      connections.set(statement.connection, replayer);
    }
    answers.push(await replayer.answer(statement));
  }
  for (const replayer of connections.values()) await replayer.end();
  return answers;
}

class Replayer {
  private readonly client: pg.Client;
  private readonly wire: Wire;
  private readonly names = new Map<string, string>();
  private status = 'I';
  private ended = false;
  private ready: () => void = () => undefined;

  constructor(client: pg.Client) {
    this.client = client;
    this.wire = (client as unknown as { connection: Wire }).connection;
    client.on('end', () => {
      this.ended = true;
      this.ready();
    });
    this.wire.on('readyForQuery', (message) => {
      this.status = message.status;
      this.ready();
    });
  }

  async answer(statement: RecordedStatement): Promise<Answer> {
    if (this.ended) return { ok: false, code: 'connection lost', message: '', detail: '' };
    const fenced = this.status === 'T' && !transactionControl.test(statement.sql);
    if (fenced) await this.client.query('SAVEPOINT replay');
    const answer = await this.send(statement);
    if (fenced) {
      if (!answer.ok) await this.client.query('ROLLBACK TO SAVEPOINT replay');
      await this.client.query('RELEASE SAVEPOINT replay');
    }
    return answer;
  }

  end(): Promise<void> {
    return this.client.end();
  }

  /** The client is idle, so the next ReadyForQuery is this statement's. */
  private send(statement: RecordedStatement): Promise<Answer> {
    return new Promise((resolve) => {
      const rows: string[] = [];
      let tag = '';
      let failure: Answer | undefined;
      this.ready = () => {
        this.ready = () => undefined;
        const cut: Answer = { ok: false, code: 'connection lost', message: '', detail: '' };
        resolve(failure ?? (this.ended ? cut : { ok: true, rows, tag }));
      };
      const sent = {
        submit: (): null => {
          this.write(statement);
          return null;
        },
        handleRowDescription: () => undefined,
        handleDataRow: (row: { fields: (string | null)[] }) => void rows.push(comparable(row.fields)),
        handlePortalSuspended: () => undefined,
        handleCommandComplete: (message: { text: string }) => void (tag += message.text),
        handleEmptyQuery: () => undefined,
        handleCopyInResponse: () => undefined,
        handleCopyData: () => undefined,
        handleError: (error: pg.DatabaseError) => {
          failure = { ok: false, code: error.code ?? '', message: error.message, detail: error.detail ?? '' };
          this.names.delete(nameKey(statement));
        },
        // pg calls this after success only; the end of both is heard on the connection.
        handleReadyForQuery: () => undefined,
      };
      this.client.query(sent as unknown as pg.Submittable);
    });
  }

  private write(statement: RecordedStatement): void {
    if (statement.protocol === 'simple') {
      this.wire.query(statement.sql);
      return;
    }
    const key = nameKey(statement);
    let name = statement.protocol === 'named' ? this.names.get(key) : '';
    if (name === undefined || name === '') {
      name = statement.protocol === 'named' ? `s${this.names.size}_${Date.now()}` : '';
      if (name !== '') this.names.set(key, name);
      this.wire.parse({ text: statement.sql, name, types: statement.types ?? [] });
    }
    this.wire.bind({ statement: name, values: (statement.values ?? []).map(asSent) });
    this.wire.describe({ type: 'P', name: '' });
    this.wire.execute({ portal: '', rows: 0 });
    this.wire.sync();
  }
}

function nameKey(statement: RecordedStatement): string {
  return `${(statement.types ?? []).join(',')} ${statement.sql}`;
}

/** Without the time of the run and the database's name, which differ from one replay to the next. */
function comparable(fields: readonly (string | null)[]): string {
  return JSON.stringify(fields)
    .replace(/\b20\d\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d(?::?\d\d)?)?/g, 'time')
    .replace(/\btest_[0-9a-f]{12}\b/g, 'database');
}

/** pg sends a Buffer in binary form. */
function asSent(value: RecordedValue): string | Buffer | null {
  return typeof value === 'object' && value !== null ? Buffer.from(value.hex, 'hex') : value;
}
