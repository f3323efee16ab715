/** What the PostgreSQL server itself says it executed: its log under log_statement = all. Knows nothing of events. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { MARKER_IN_LOG } from './statements.js';

/** Process, session, line in the session, user and database, as in postgresql.conf. */
export const LOG_LINE_PREFIX = '@%p %c %l %u@%d ';

export interface Executed {
  /** How often the server began the statement of this marker. */
  readonly markers: ReadonlyMap<string, number>;
  /** Statements of clients over protected tables that carry no marker: the join would be blind to them. */
  readonly unmarked: readonly string[];
}

const ENTRY = /^@(\d+) (\S+) (\d+) (\S*)@(\S*) LOG: {2}(?:statement|execute [^:]*): (.*)$/s;

export class ServerLog {
  readonly #file: string;
  #offset: number;

  /** From what stands in the file now. */
  constructor(file: string) {
    this.#file = file;
    this.#offset = 0;
    this.skip();
  }

  skip(): void {
    this.#offset += this.#read().length;
  }

  /** Since the last `skip`; the server must be silent. */
  executed(): Executed {
    const markers = new Map<string, number>();
    const unmarked: string[] = [];
    // A statement of several lines goes on behind a tab (elog.c, append_with_tabs).
    for (const entry of this.#read()
      .toString('utf8')
      .split(/\n(?!\t)/)) {
      const [, , , , user, , sql] = ENTRY.exec(entry) ?? [];
      if (sql === undefined || (user !== 'crm_support' && user !== 'crm_admin')) continue;
      const found = new Set([...sql.matchAll(MARKER_IN_LOG)].map(([, marker]) => marker!));
      for (const marker of found) markers.set(marker, (markers.get(marker) ?? 0) + 1);
      if (found.size === 0 && /\b(customers|orders|payments)\b/.test(sql)) unmarked.push(sql);
    }
    return { markers, unmarked };
  }

  #read(): Buffer {
    const fd = openSync(this.#file, 'r');
    try {
      const bytes = Buffer.alloc(fstatSync(fd).size - this.#offset);
      let done = 0;
      while (done < bytes.length) {
        const got = readSync(fd, bytes, done, bytes.length - done, this.#offset + done);
        if (got === 0) break;
        done += got;
      }
      return bytes.subarray(0, done);
    } finally {
      closeSync(fd);
    }
  }
}
